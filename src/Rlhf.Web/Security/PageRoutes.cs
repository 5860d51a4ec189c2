using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Rlhf.Web.Security;

/// <summary>Routes to the pages that are built into the program. Only files that are named here can be asked for.</summary>
public static class PageRoutes
{
    /// <summary>Serves an embedded page at a path; browsers ask each time whether it has changed.</summary>
    public static IEndpointConventionBuilder MapPage(this IEndpointRouteBuilder routes, string path, string name)
    {
        var bytes = Encoding.UTF8.GetBytes(WebPages.Read(name) ?? throw new ArgumentException($"There is no page {name}.", nameof(name)));
        var tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(bytes)[..16])}\"";
        var type = Path.GetExtension(name) switch
        {
            ".html" => "text/html; charset=utf-8",
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            _ => throw new ArgumentException($"{name} has no known type.", nameof(name)),
        };
        return routes.MapGet(path, context =>
        {
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers.ETag = tag;
            if (context.Request.Headers.IfNoneMatch == tag)
            {
                context.Response.StatusCode = StatusCodes.Status304NotModified;
                return Task.CompletedTask;
            }

            context.Response.ContentType = type;
            return context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
        });
    }
}
