using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Rlhf.Web.Security;

namespace Rlhf.Web.Serving;

/// <summary>Server-sent events as the API writes them: one JSON object each, at the end <c>[DONE]</c>.</summary>
internal sealed class EventStream(HttpContext context)
{
    private static readonly byte[] Start = "data: "u8.ToArray();
    private static readonly byte[] End = "\n\n"u8.ToArray();
    private static readonly byte[] Done = "data: [DONE]\n\n"u8.ToArray();

    /// <summary>Writes what <paramref name="events"/> gives; a failure on the way is an event with the error, after which nothing comes.</summary>
    public async Task Write(IAsyncEnumerable<JsonObject> events, TextWriter log)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        try
        {
            await foreach (var item in events)
            {
                await Write(item);
            }

            await context.Response.Body.WriteAsync(Done, context.RequestAborted);
        }
        catch (Exception failure) when (!context.RequestAborted.IsCancellationRequested)
        {
            if (failure is not ApiException)
            {
                await log.WriteLineAsync($"rlhf: {context.Request.Path}: {failure}");
            }

            await Write(ApiException.Of(failure).ToJson());
        }
    }

    private async Task Write(JsonObject item)
    {
        var body = context.Response.Body;
        await body.WriteAsync(Start, context.RequestAborted);
        await body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(item, WebJson.Options), context.RequestAborted);
        await body.WriteAsync(End, context.RequestAborted);
        await body.FlushAsync(context.RequestAborted);
    }
}
