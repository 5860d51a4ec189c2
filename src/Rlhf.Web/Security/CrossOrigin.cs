using Microsoft.AspNetCore.Http;

namespace Rlhf.Web.Security;

/// <summary>Pages of other sites that may use the API (CORS): those that the server's owner names, and only below <c>/v1</c>.</summary>
internal static class CrossOrigin
{
    private const string PreflightSeconds = "600";

    /// <summary>The origin that a name is, as browsers send it.</summary>
    /// <exception cref="InputException">It is none.</exception>
    public static string Parse(string option, string name)
    {
        var isOrigin = Uri.TryCreate(name, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.UserInfo.Length == 0
            && url.PathAndQuery == "/" && url.Fragment.Length == 0 && !name.Contains('*', StringComparison.Ordinal);
        return isOrigin ? url!.GetLeftPart(UriPartial.Authority)
            : throw new InputException($"{option} {name}: expected the origin of one site, such as https://chat.example.org or http://localhost:3000.");
    }

    /// <summary>Whether the request is one of a page that may use the API.</summary>
    public static bool IsAllowed(HttpRequest request, WebSettings settings) => settings.Origins.Count > 0 && request.Path.StartsWithSegments("/v1")
        && request.Headers.Origin is [{ } origin] && settings.Origins.Contains(origin, StringComparer.OrdinalIgnoreCase);

    /// <summary>Says to the browser of an allowed page that it may read the answer; true where the question itself was the whole request.</summary>
    public static bool Answer(HttpContext context, WebSettings settings)
    {
        var (request, headers) = (context.Request, context.Response.Headers);
        if (settings.Origins.Count > 0 && request.Path.StartsWithSegments("/v1"))
        {
            headers.Vary = "Origin";
        }

        if (!IsAllowed(request, settings))
        {
            return false;
        }

        headers.AccessControlAllowOrigin = request.Headers.Origin;
        headers.AccessControlExposeHeaders = "Retry-After";
        if (!HttpMethods.IsOptions(request.Method) || request.Headers.AccessControlRequestMethod.Count == 0)
        {
            return false;
        }

        headers.AccessControlAllowMethods = "GET, POST";
        // Clients send headers of their own with their versions in them. None of them means anything here but the key's.
        headers.AccessControlAllowHeaders = request.Headers.AccessControlRequestHeaders;
        headers.AccessControlMaxAge = PreflightSeconds;
        if (request.Headers["Access-Control-Request-Private-Network"] == "true")
        {
            headers["Access-Control-Allow-Private-Network"] = "true";
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return true;
    }
}
