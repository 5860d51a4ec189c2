using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Rlhf.Labelers.Store;

namespace Rlhf.Web.Security;

/// <summary>
/// What every server of this program does before a route sees a request: security headers, the Host check against DNS rebinding, the refusal of requests that
/// other sites send, limits on body and rate, and errors as JSON. No configuration file and no environment variable is read.
/// </summary>
public static class WebDefaults
{
    /// <summary>Nothing from elsewhere, nothing inline, never inside a frame.</summary>
    public const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>What is said of an address without a route.</summary>
    internal const string NothingHere = "There is nothing here.";

    private const int ClientsOfOneAddress = 50;

    private static readonly (string Name, string Value)[] Headers =
    [
        ("Content-Security-Policy", ContentSecurityPolicy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Cache-Control", "no-store"),
    ];

    /// <summary>A server with all of this in place, to which routes are then added. Start it with <see cref="RunAsync"/>.</summary>
    public static WebApplication Create(WebSettings settings, Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.MaximumBodyBytes;
            kestrel.Listen(settings.Address, settings.Port);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddRateLimiter(limits => Limit(limits, settings));
        services?.Invoke(builder.Services);
        var app = builder.Build();
        Apply(app, settings);
        return app;
    }

    /// <summary>Listens until <paramref name="cancellation"/>, then lets the requests that are running end (5 seconds at most).</summary>
    /// <param name="app">The server with its routes.</param>
    /// <param name="listening">Is told the address once the server listens.</param>
    /// <param name="cancellation">Ends the server.</param>
    /// <exception cref="InputException">The port is taken, or the address is not one of this machine.</exception>
    public static async Task RunAsync(WebApplication app, Action<Uri> listening, CancellationToken cancellation)
    {
        listening(await StartAsync(app));
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation);
        }
        catch (OperationCanceledException)
        {
            // The wish to stop is how a server ends.
        }

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        await app.StopAsync(patience.Token);
    }

    /// <summary>Listens, and says where.</summary>
    /// <exception cref="InputException">The port is taken, or the address is not one of this machine.</exception>
    public static async Task<Uri> StartAsync(WebApplication app)
    {
        try
        {
            await app.StartAsync(CancellationToken.None);
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException)
        {
            throw new InputException($"The server cannot listen: {FailureText.Of(exception)}. Choose another --port or --host.");
        }

        return new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    private static void Apply(WebApplication app, WebSettings settings)
    {
        app.Use(async (context, next) =>
        {
            foreach (var (name, value) in Headers)
            {
                context.Response.Headers[name] = value;
            }

            await Answer(context, settings, next);
        });
        app.UseRouting();
        app.UseRateLimiter();
    }

    private static async Task Answer(HttpContext context, WebSettings settings, RequestDelegate next)
    {
        if (RequestOrigin.Refusal(context.Request, settings) is { } refusal)
        {
            await WebJson.WriteError(context, settings, StatusCodes.Status403Forbidden, refusal);
            return;
        }

        if (CrossOrigin.Answer(context, settings))
        {
            return;
        }

        try
        {
            await next(context);
            const int NotFound = StatusCodes.Status404NotFound, NotAllowed = StatusCodes.Status405MethodNotAllowed;
            if (context.Response is { HasStarted: false, ContentType: null, StatusCode: NotFound or NotAllowed } response)
            {
                await WebJson.WriteError(context, settings, response.StatusCode,
                    response.StatusCode == StatusCodes.Status404NotFound ? NothingHere : "This address does not take such requests.");
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
        catch (BadHttpRequestException exception)
        {
            await WebJson.WriteError(context, settings, exception.StatusCode, TextOf(exception.StatusCode));
        }
        catch (InputException exception)
        {
            await WebJson.WriteError(context, settings, StatusCodes.Status400BadRequest, exception.Message);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The client learns nothing of the inside; the log has it.
            await settings.Log.WriteLineAsync($"rlhf: {context.Request.Method} {context.Request.Path}: {exception}");
            await WebJson.WriteError(context, settings, StatusCodes.Status500InternalServerError, "The server failed; its log says why.");
        }
    }

    // What the framework says names its own types.
    private static string TextOf(int status) => status switch
    {
        StatusCodes.Status413PayloadTooLarge => "The body is too large.",
        StatusCodes.Status408RequestTimeout => "The body came too slowly.",
        _ => "This request cannot be read.",
    };

    private static void Limit(Microsoft.AspNetCore.RateLimiting.RateLimiterOptions limits, WebSettings settings)
    {
        // A client that shows another cookie each time is still one address.
        limits.GlobalLimiter = PartitionedRateLimiter.CreateChained(
            Limiter(AddressOf, ClientsOfOneAddress * settings.RequestsPerMinute), Limiter(ClientOf, settings.RequestsPerMinute));
        limits.OnRejected = async (rejected, _) =>
        {
            rejected.HttpContext.Response.Headers.RetryAfter = 1.ToString(CultureInfo.InvariantCulture);
            await WebJson.WriteError(rejected.HttpContext, settings, StatusCodes.Status429TooManyRequests, "Too many requests; try again in a second.");
        };
    }

    private static PartitionedRateLimiter<HttpContext> Limiter(Func<HttpContext, string> client, int perMinute)
    {
        var bucket = new TokenBucketRateLimiterOptions
        {
            TokenLimit = perMinute,
            TokensPerPeriod = Math.Max(1, perMinute / 60),
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        };
        return PartitionedRateLimiter.Create<HttpContext, string>(context => RateLimitPartition.GetTokenBucketLimiter(client(context), _ => bucket));
    }

    private static string AddressOf(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    // People behind one proxy have one address: what counts is who is signed in, and the address only before.
    private static string ClientOf(HttpContext context) => SessionCookie.Find(context.Request) is { } token ? AccessToken.HashOf(token) : AddressOf(context);
}
