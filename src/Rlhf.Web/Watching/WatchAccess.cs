using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Watching;

/// <summary>What somebody may do.</summary>
public enum WatchRole
{
    /// <summary>Load the page, which says nothing of a run.</summary>
    Anybody,

    /// <summary>Look on.</summary>
    Viewer,

    /// <summary>Stop a run.</summary>
    Owner,
}

/// <summary>The secrets of the two links.</summary>
/// <param name="Owner">Lets somebody stop runs.</param>
/// <param name="Viewer">Lets somebody look on, from another machine; on this one nobody needs it.</param>
public sealed record WatchTokens(string Owner, string Viewer)
{
    /// <summary>New ones.</summary>
    public static WatchTokens Create() => new(AccessToken.Create(), AccessToken.Create());
}

/// <summary>The least role of a route. A route without one is refused to everybody.</summary>
/// <param name="Role">The role.</param>
internal sealed record WatchRule(WatchRole Role);

/// <summary>Finds out who asks, by a cookie that a link has set, and holds every route to its rule.</summary>
/// <param name="settings">Where the server listens.</param>
/// <param name="tokens">The links' secrets.</param>
internal sealed class WatchAccess(WebSettings settings, WatchTokens tokens)
{
    /// <summary>Who asks.</summary>
    public WatchRole RoleOf(HttpContext context) => RoleOf(SessionCookie.Find(context.Request, NameFor(context)));

    /// <summary>Lets somebody in who has a link; false where its secret is none of ours.</summary>
    public bool SignIn(HttpContext context, string token)
    {
        if (!AccessToken.Matches(token, tokens.Owner) && !AccessToken.Matches(token, tokens.Viewer))
        {
            return false;
        }

        SessionCookie.Set(context, settings, token, NameFor(context));
        return true;
    }

    /// <summary>Checks each request before its route.</summary>
    public void Guard(WebApplication app) => app.Use(async (context, next) =>
    {
        if (context.GetEndpoint() is not { } endpoint)
        {
            await WebJson.WriteError(context, settings, StatusCodes.Status404NotFound, WebDefaults.NothingHere);
        }
        else if (endpoint.Metadata.GetMetadata<WatchRule>() is { } rule && RoleOf(context) >= rule.Role)
        {
            await next(context);
        }
        else
        {
            await WebJson.WriteError(context, settings, StatusCodes.Status403Forbidden, RoleOf(context) == WatchRole.Anybody
                ? "Open the link that the program printed at its start." : "This is for the owner: open the owner's link that the program printed at its start.");
        }
    });

    private WatchRole RoleOf(string? token) =>
        token is not null && AccessToken.Matches(token, tokens.Owner) ? WatchRole.Owner
        : (token is not null && AccessToken.Matches(token, tokens.Viewer)) || (settings.IsLoopback && settings.PublicUrl is null) ? WatchRole.Viewer
        : WatchRole.Anybody;

    // Cookies do not tell ports apart, and several runs may be watched on one machine, beside the ranking page.
    private static string NameFor(HttpContext context) => FormattableString.Invariant($"rlhf_watch_{context.Connection.LocalPort}");
}
