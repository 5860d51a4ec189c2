using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>In and out.</summary>
internal static class SignInRoutes
{
    private sealed record SignIn(string Token);

    public static void Map(WebApplication app, RankingStore store, WebSettings settings)
    {
        app.MapPostJson<SignIn>("/api/login", (context, body) =>
        {
            var token = body.Token.Trim();
            if (store.FindByToken(token) is not { } user)
            {
                return WebJson.Result(new { Error = "This token lets nobody in." }, StatusCodes.Status401Unauthorized);
            }

            SessionCookie.Set(context, settings, token);
            return WebJson.Result(new { user.Name });
        }).For(null);

        app.MapPost("/api/logout", (HttpContext context) =>
        {
            SessionCookie.Clear(context, settings);
            return WebJson.Result(new { });
        }).For(null);
    }
}
