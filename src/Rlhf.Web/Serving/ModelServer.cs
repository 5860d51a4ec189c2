using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Serving;

/// <summary>The server of <c>rlhf serve</c>: an API as OpenAI's, <c>/v1/score</c> for reward models, and the chat page.</summary>
public static class ModelServer
{
    /// <summary>A server for models; start it with <see cref="WebDefaults.RunAsync"/>.</summary>
    /// <param name="models">What is served.</param>
    /// <param name="settings">Where it listens; what it accepts is set here.</param>
    /// <param name="apiKey">What requests must show; null for none, which is right on the loopback address only.</param>
    /// <param name="feedback">Where what people say of answers is kept; null for nowhere.</param>
    public static WebApplication Create(ServedModels models, WebSettings settings, string? apiKey = null, RankingStore? feedback = null)
    {
        if (apiKey is null && !settings.IsLoopback)
        {
            throw new InputException(
                $"--host {settings.Host} can be reached from other machines, so an API key is needed: --api-key-file FILE or the variable RLHF_API_KEY.");
        }

        settings = settings with { MaximumBodyBytes = Limits.RequestBody, ErrorBody = ApiException.Body, ErrorStyle = "/chat.css" };
        var app = WebDefaults.Create(settings);
        app.UseWhen(
            context => context.Request.Path.StartsWithSegments("/v1") || context.Request.Path == "/metrics",
            api => api.Use((context, next) => Guard(context, next, settings, apiKey)));
        var (completions, scores) = (new CompletionRoutes(models, settings.Log), new ScoreRoute(models));
        app.MapGet("/v1/models", () => WebJson.Result(models.List()));
        app.MapGet("/v1/models/{**name}", (string name) => WebJson.Result(ServedModels.Describe(models.Find(name))));
        app.MapPost("/v1/chat/completions", completions.Chat);
        app.MapPost("/v1/completions", completions.Complete);
        app.MapPost("/v1/score", scores.Score);
        var feedbacks = new FeedbackRoutes(feedback);
        app.MapGet("/v1/feedback", feedbacks.Describe);
        app.MapPost("/v1/feedback", feedbacks.Give);
        app.MapGet("/health", () => WebJson.Result(new { Status = "ok" }));
        app.MapGet("/metrics", new MetricsRoute(models).Write);
        MapPages(app);
        app.MapFallback("/v1/{**rest}", context => throw new ApiException(
            StatusCodes.Status404NotFound, $"Unknown request URL: {context.Request.Method} {context.Request.Path}.", ApiException.InvalidRequest,
            code: "unknown_url"));
        return app;
    }

    /// <summary>The origin of a site as browsers send it.</summary>
    /// <param name="option">What it was given as, for the error.</param>
    /// <param name="origin">Scheme, host and perhaps port.</param>
    /// <exception cref="InputException">It is none.</exception>
    public static string OriginOf(string option, string origin) => CrossOrigin.Parse(option, origin);

    private static void MapPages(WebApplication app)
    {
        app.MapPage("/", "chat/chat.html");
        app.MapPage("/icon.svg", "label/icon.svg");
        string[] files =
        [
            "chat.css", "chat.js", "asking.js", "history.js", "models.js", "server.js", "shelf.js", "stream.js", "talk.js", "turns.js", "view.js",
        ];
        foreach (var file in files)
        {
            app.MapPage("/" + file, "chat/" + file);
        }

        foreach (var file in (string[])["label/markdown.js", "label/formulas.js", "label/text.js", "vendor/katex.js", "vendor/markdown-it.js", "vendor/dompurify.js"])
        {
            app.MapPage("/" + Path.GetFileName(file), file);
        }
    }

    private static async Task Guard(HttpContext context, RequestDelegate next, WebSettings settings, string? apiKey)
    {
        try
        {
            CheckKey(context.Request, apiKey);
            await next(context);
        }
        catch (Exception failure) when (failure is ApiException or RunFailedException)
        {
            await Refuse(context, settings, failure);
        }
        catch (InvalidOperationException failure) when (failure.Source?.StartsWith("System.Text.Json", StringComparison.Ordinal) == true)
        {
            // The one thing that the parser lets through and the strings of .NET do not.
            await Refuse(context, settings, ApiException.Invalid("The body holds half of a surrogate pair.", null, "invalid_value"));
        }
    }

    private static void CheckKey(HttpRequest request, string? apiKey)
    {
        const string Scheme = "Bearer ";
        if (apiKey is null)
        {
            return;
        }

        var given = request.Headers.Authorization.ToString();
        if (!given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw ApiException.NoKey("You didn't provide an API key: send it as 'Authorization: Bearer KEY'.");
        }

        if (!AccessToken.Matches(given[Scheme.Length..].Trim(), apiKey))
        {
            throw ApiException.NoKey("Incorrect API key provided.");
        }
    }

    private static async Task Refuse(HttpContext context, WebSettings settings, Exception failure)
    {
        var error = ApiException.Of(failure);
        if (error.Status >= StatusCodes.Status500InternalServerError)
        {
            await settings.Log.WriteLineAsync($"rlhf: {context.Request.Method} {context.Request.Path}: {failure}");
        }

        context.Response.StatusCode = error.Status;
        if (error.Status == StatusCodes.Status429TooManyRequests)
        {
            context.Response.Headers.RetryAfter = "1";
        }

        if (error.Status == StatusCodes.Status401Unauthorized)
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
        }

        await context.Response.WriteAsJsonAsync(error.ToJson(), WebJson.Options, CancellationToken.None);
    }
}
