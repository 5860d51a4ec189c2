using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>Who may use a route. A route without a rule is refused to everybody.</summary>
/// <param name="Role">The least role; null: anybody, signed in or not.</param>
public sealed record AccessRule(UserRole? Role);

/// <summary>Finds out who asks, and holds every route to its rule.</summary>
internal static class Access
{
    private static readonly object UserKey = new();

    public static TBuilder For<TBuilder>(this TBuilder route, UserRole? role)
        where TBuilder : IEndpointConventionBuilder =>
        route.WithMetadata(new AccessRule(role));

    /// <summary>Who asks, in a route that only signed-in people reach.</summary>
    public static LabelUser User(this HttpContext context) => (LabelUser)context.Items[UserKey]!;

    /// <summary>Checks each request before its route.</summary>
    public static void UseAccessRules(this WebApplication app, RankingStore store, WebSettings settings) => app.Use(async (context, next) =>
    {
        if (context.GetEndpoint() is not { } endpoint)
        {
            await WebJson.WriteError(context, settings, StatusCodes.Status404NotFound, WebDefaults.NothingHere);
            return;
        }

        var user = Identify(context, store, settings);
        context.Items[UserKey] = user;
        var rule = endpoint.Metadata.GetMetadata<AccessRule>();
        if (rule is { Role: null } || (rule?.Role is { } least && user is not null && (user.Role == UserRole.Owner || least == UserRole.Labeler)))
        {
            await next(context);
        }
        else if (user is null && rule is not null && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Redirect("/login");
        }
        else
        {
            var (status, message) = user is null
                ? (StatusCodes.Status401Unauthorized, "Sign in first.")
                : (StatusCodes.Status403Forbidden, "This is for the owner.");
            await WebJson.WriteError(context, settings, status, message);
        }
    });

    /// <summary>Whether people must sign in: always when others can reach the server, and as soon as somebody was given a token.</summary>
    public static bool NeedsTokens(RankingStore store, WebSettings settings) => !settings.IsLoopback || settings.PublicUrl is not null || store.HasTokens();

    private static LabelUser? Identify(HttpContext context, RankingStore store, WebSettings settings) =>
        SessionCookie.Find(context.Request) is { } token && store.FindByToken(token) is { } user ? user
        : NeedsTokens(store, settings) ? null
        : store.LocalUser();
}
