using System.Globalization;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http;

namespace Rlhf.Web.Security;

/// <summary>A refusal as a page, for somebody who opened an address in a browser. Programs get JSON.</summary>
internal static class ErrorPage
{
    private static readonly string Page = WebPages.Read("error.html")!;

    /// <summary>Whether a person reads the answer: a browser that opens an address asks for HTML, scripts do not.</summary>
    public static bool IsWanted(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
        && !request.Path.StartsWithSegments("/api") && !request.Path.StartsWithSegments("/v1");

    /// <summary>Writes the page.</summary>
    public static Task Write(HttpContext context, WebSettings settings, int status, string message)
    {
        var title = status switch
        {
            StatusCodes.Status404NotFound => "Not found",
            StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden => "Not allowed",
            StatusCodes.Status429TooManyRequests => "Too many requests",
            >= StatusCodes.Status500InternalServerError => "The server failed",
            _ => "Refused",
        };
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(Page
            .Replace("{style}", settings.ErrorStyle is { } style ? $"<link rel=\"stylesheet\" href=\"{HtmlEncoder.Default.Encode(style)}\">" : "",
                StringComparison.Ordinal)
            .Replace("{title}", title, StringComparison.Ordinal)
            .Replace("{status}", status.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{message}", HtmlEncoder.Default.Encode(message), StringComparison.Ordinal));
    }
}
