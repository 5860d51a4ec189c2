using Microsoft.AspNetCore.Http;

namespace Rlhf.Web.Security;

/// <summary>The cookie that carries a token: out of reach of scripts, and never sent by other sites.</summary>
public static class SessionCookie
{
    private const string Name = "rlhf_token";

    /// <summary>The token of a request; null where there is none.</summary>
    public static string? Find(HttpRequest request, string name = Name) =>
        request.Cookies.TryGetValue(name, out var token) && token.Length is > 0 and <= 200 ? token : null;

    /// <summary>Hands the token to the browser.</summary>
    public static void Set(HttpContext context, WebSettings settings, string token, string name = Name) =>
        context.Response.Cookies.Append(name, token, Options(context, settings));

    /// <summary>Takes the token back.</summary>
    public static void Clear(HttpContext context, WebSettings settings) => context.Response.Cookies.Delete(Name, Options(context, settings));

    private static CookieOptions Options(HttpContext context, WebSettings settings) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = context.Request.IsHttps || settings.PublicUrl?.Scheme == Uri.UriSchemeHttps,
        IsEssential = true,
        Path = "/",
    };
}
