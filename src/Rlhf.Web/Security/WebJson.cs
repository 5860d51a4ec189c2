using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Rlhf.Labelers.Store;

namespace Rlhf.Web.Security;

/// <summary>JSON in and out, with snake_case keys.</summary>
public static class WebJson
{
    /// <summary>How all JSON of the servers is read and written.</summary>
    public static JsonSerializerOptions Options => StoreJson.Options;

    // A key that is unknown, or there twice, is a mistake that would otherwise do nothing in silence.
    private static readonly JsonSerializerOptions Bodies = new(Options)
    {
        AllowDuplicateProperties = false,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        PropertyNameCaseInsensitive = false,
        NumberHandling = JsonNumberHandling.Strict,
    };

    /// <summary>A request's body.</summary>
    /// <exception cref="InputException">It is not JSON of that form, has keys that are unknown or there twice, or is not sent as application/json.</exception>
    public static async Task<T> Read<T>(HttpRequest request)
    {
        // Forms of other sites cannot send this type; it is a second fence beside the check of the origin.
        if (!request.HasJsonContentType())
        {
            throw new InputException("The body must be sent as application/json.");
        }

        try
        {
            return await JsonSerializer.DeserializeAsync<T>(request.Body, Bodies, request.HttpContext.RequestAborted)
                ?? throw new InputException("The body is null.");
        }
        catch (JsonException exception)
        {
            throw new InputException($"The body is not as expected. {JsonErrorText.Of(exception, Bodies.GetTypeInfo(typeof(T)))}");
        }
    }

    /// <summary>An answer of JSON.</summary>
    public static IResult Result(object value, int status = StatusCodes.Status200OK) => Results.Json(value, Options, statusCode: status);

    /// <summary>A route that takes JSON: what is done with a body of type <typeparamref name="T"/>.</summary>
    public static IEndpointConventionBuilder MapPostJson<T>(this IEndpointRouteBuilder routes, string path, Func<HttpContext, T, IResult> answer) =>
        routes.MapPost(path, async context => await answer(context, await Read<T>(context.Request)).ExecuteAsync(context));

    internal static Task WriteError(HttpContext context, WebSettings settings, int status, string message)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        context.Response.StatusCode = status;
        if (ErrorPage.IsWanted(context.Request))
        {
            return ErrorPage.Write(context, settings, status, message);
        }

        return context.Response.WriteAsJsonAsync(settings.ErrorBody(status, message), Options, CancellationToken.None);
    }
}
