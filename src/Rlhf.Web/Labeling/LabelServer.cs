using Microsoft.AspNetCore.Builder;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>The ranking pages over a store.</summary>
public static class LabelServer
{
    // Requests wait for the database on their threads. Of itself the pool starts with one for each core and adds some each second, so fifty people at once
    // would wait for threads.
    private const int Threads = 64;

    // Of the labelers' page.
    private static readonly string[] Scripts =
    [
        "label.js", "ranking.js", "board.js", "cards.js", "drag.js", "text.js", "guide.js", "queue.js", "markdown.js", "diff.js", "writing.js", "desk.js",
        "compare.js", "formulas.js", "keeping.js", "keys.js", "kinds.js", "recent.js", "said.js", "beside.js", "clock.js", "frame.js", "presence.js", "sheet.js",
        "unable.js",
    ];

    /// <summary>A server; start it with <see cref="WebDefaults.RunAsync"/>.</summary>
    /// <exception cref="InputException">Others could reach it, and nobody has an owner's token.</exception>
    public static WebApplication Create(RankingStore store, WebSettings settings)
    {
        if (Access.NeedsTokens(store, settings)
            && !store.Users().Any(user => user is { Role: UserRole.Owner, Revoked: false } && user.Name != RankingStore.LocalName))
        {
            throw new InputException("People must sign in here, and there is no owner yet. Make a token: rlhf label users add NAME --role owner --store STORE");
        }

        ThreadPool.GetMinThreads(out var workers, out var ports);
        ThreadPool.SetMinThreads(Math.Max(workers, Threads), ports);
        settings = settings with { ErrorStyle = "/label.css" };
        var app = WebDefaults.Create(settings);
        app.UseAccessRules(store, settings);
        Pages(app);
        SignInRoutes.Map(app, store, settings);
        LabelRoutes.Map(app, store);
        OwnerRoutes.Map(app, store);
        TeamRoutes.Map(app, store, settings);
        return app;
    }

    private static void Pages(WebApplication app)
    {
        app.MapPage("/login", "label/login.html").For(null);
        app.MapPage("/", "label/label.html").For(UserRole.Labeler);
        app.MapPage("/owner", "label/owner.html").For(UserRole.Owner);
        foreach (var name in (string[])["owner.js", "owner-settings.js", "owner-arena.js", "owner-figures.js", "owner-judge.js", "owner-tables.js", "owner-tasks.js", "owner-users.js"])
        {
            app.MapPage($"/{name}", $"label/{name}").For(UserRole.Owner);
        }

        foreach (var name in (string[])["login.js", "api.js", "label.css", "icon.svg"])
        {
            app.MapPage($"/{name}", $"label/{name}").For(null);
        }

        foreach (var name in Scripts)
        {
            app.MapPage($"/{name}", $"label/{name}").For(UserRole.Labeler);
        }

        foreach (var name in (string[])["markdown-it.js", "dompurify.js", "katex.js"])
        {
            app.MapPage($"/{name}", $"vendor/{name}").For(UserRole.Labeler);
        }
    }
}
