using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>Who works here: what <c>rlhf label users</c> does, on the owner's page.</summary>
internal static class TeamRoutes
{
    private sealed record AddRequest(string Name, string Role);

    private sealed record RevokeRequest(string Name);

    public static void Map(IEndpointRouteBuilder app, RankingStore store, WebSettings settings)
    {
        app.MapPostJson<AddRequest>("/api/owner/users", (context, body) => Add(context, store, settings, body)).For(UserRole.Owner);
        app.MapPostJson<RevokeRequest>("/api/owner/users/revoke", (context, body) => Revoke(store, context.User(), body.Name)).For(UserRole.Owner);
    }

    /// <summary>The token stands in the answer once, and in no log: a link carries it behind the #, which browsers do not send.</summary>
    private static IResult Add(HttpContext context, RankingStore store, WebSettings settings, AddRequest request)
    {
        var role = request.Role switch
        {
            "labeler" => UserRole.Labeler,
            "owner" => UserRole.Owner,
            _ => throw new InputException("role: expected labeler or owner."),
        };
        var isFirst = !store.HasTokens();
        if (isFirst && role != UserRole.Owner)
        {
            throw new InputException("Add an owner first, for yourself: with the first token everybody must sign in, and nobody else could open this page.");
        }

        var token = store.AddUser(request.Name, role);
        if (isFirst)
        {
            SessionCookie.Set(context, settings, token);
        }

        return WebJson.Result(new { request.Name, Token = token, Path = $"/login#{token}" });
    }

    private static IResult Revoke(RankingStore store, LabelUser owner, string name)
    {
        if (name == owner.Name)
        {
            throw new InputException("This is your own token: another owner can take it back, or rlhf label users revoke.");
        }

        store.Revoke(name);
        return WebJson.Result(new { Revoked = name });
    }
}
