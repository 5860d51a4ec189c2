using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Rlhf.Web.Watching;

/// <summary>Server-sent events with names, as <c>EventSource</c> of a browser takes them.</summary>
internal sealed class WatchStream(HttpContext context, CancellationToken stopping)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private const int SilentSeconds = 15;
    private const int MostUnsent = 64 << 10;

    private int _unsent;

    /// <summary>Sends what is new of the runs every second, until the page or the server goes.</summary>
    public async Task Send(IReadOnlyList<WatchCursor> runs, byte[] hello)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers["X-Accel-Buffering"] = "no";
        try
        {
            Write("hello", hello);
            for (var silent = 0; ; silent++)
            {
                foreach (var (name, data) in runs.SelectMany(static run => run.Next()))
                {
                    silent = 0;
                    Write(name, data);
                    if (_unsent > MostUnsent)
                    {
                        await Flush(end.Token);
                    }
                }

                if (silent >= SilentSeconds)
                {
                    silent = 0;
                    context.Response.BodyWriter.Write(": \n\n"u8); // a page that has gone is noticed by a write only
                }

                await Flush(end.Token);
                await Task.Delay(Second, end.Token);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The page has gone, or the server ends.
        }
    }

    private void Write(string name, byte[] data)
    {
        var body = context.Response.BodyWriter;
        body.Write(Encoding.UTF8.GetBytes($"event: {name}\ndata: "));
        body.Write(data);
        body.Write("\n\n"u8);
        _unsent += data.Length;
    }

    private async Task Flush(CancellationToken end)
    {
        _unsent = 0;
        await context.Response.BodyWriter.FlushAsync(end);
    }
}
