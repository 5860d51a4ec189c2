using Microsoft.AspNetCore.Http;

namespace Rlhf.Web.Security;

/// <summary>Whether a request comes from where it may come from.</summary>
internal static class RequestOrigin
{
    private static readonly string[] Loopback = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>Why a request is refused; null where it is not.</summary>
    public static string? Refusal(HttpRequest request, WebSettings settings)
    {
        if (!HostIsOurs(request, settings))
        {
            return $"The host {request.Host.Host} is not this server's. Open the address that it printed at its start.";
        }

        return HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || IsSameOrigin(request, settings)
            || CrossOrigin.IsAllowed(request, settings)
            ? null
            : "Requests from other sites are refused.";
    }

    // Names of hosts are the same in capitals.
    private static bool IsSame(string? one, string? other) => one is not null && string.Equals(one, other, StringComparison.OrdinalIgnoreCase);

    // A site that lets its own name point to 127.0.0.1 (DNS rebinding) would otherwise be the same origin as we are.
    private static bool HostIsOurs(HttpRequest request, WebSettings settings)
    {
        var host = request.Host.Host;
        if (IsSame(settings.PublicUrl?.Host, host))
        {
            return true;
        }

        return settings.IsLoopback ? Loopback.Append(settings.Host).Any(name => IsSame(name, host)) : settings.PublicUrl is null;
    }

    // Browsers send one of the two headers with every request that may change something; other programs have no cookies to steal.
    private static bool IsSameOrigin(HttpRequest request, WebSettings settings)
    {
        string? site = request.Headers["Sec-Fetch-Site"], origin = request.Headers.Origin;
        if (site is not null)
        {
            return site is "same-origin" or "none";
        }

        return origin is null
            || (Uri.TryCreate(origin, UriKind.Absolute, out var url)
                && (IsSame(url.Authority, request.Host.Value) || IsSame(url.Authority, settings.PublicUrl?.Authority)));
    }
}
