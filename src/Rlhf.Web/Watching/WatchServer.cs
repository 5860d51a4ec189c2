using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Rlhf.Reports;
using Rlhf.Web.Security;

namespace Rlhf.Web.Watching;

/// <summary>The server of <c>rlhf watch</c>: one page on which runs are seen while they work.</summary>
public static class WatchServer
{
    private sealed record StopBody(int Run);

    /// <summary>A server; start it with <see cref="WebDefaults.RunAsync"/>.</summary>
    /// <param name="folders">The runs' folders, which need not be there yet.</param>
    /// <param name="settings">Where it listens.</param>
    /// <param name="tokens">The secrets of the links.</param>
    /// <exception cref="InputException">There are none or too many, or one is named twice.</exception>
    public static WebApplication Create(IReadOnlyList<string> folders, WebSettings settings, WatchTokens tokens)
    {
        settings = settings with { ErrorStyle = "/watch.css" };
        var runs = RunsOf(folders, TimeProvider.System);
        var app = WebDefaults.Create(settings);
        var access = new WatchAccess(settings, tokens);
        access.Guard(app);
        app.MapPage("/", "watch/watch.html").WithMetadata(new WatchRule(WatchRole.Anybody));
        foreach (var name in (string[])["watch.css", "watch.js", "chart.js", "charts.js", "drawing.js", "now.js", "rows.js"])
        {
            app.MapPage("/" + name, "watch/" + name).WithMetadata(new WatchRule(WatchRole.Anybody));
        }

        app.MapPage("/icon.svg", "label/icon.svg").WithMetadata(new WatchRule(WatchRole.Anybody));
        app.MapGet("/open", (HttpContext context, string? token) => access.SignIn(context, token ?? "")
            ? Results.Redirect("/")
            : throw new InputException("This link lets nobody in: the program prints a new one at each start.")).WithMetadata(new WatchRule(WatchRole.Anybody));
        var pages = new SemaphoreSlim(Limits.WatchingPages);
        var ending = app.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        app.MapGet("/api/events", context => Follow(context, settings, runs, pages, access, ending)).WithMetadata(new WatchRule(WatchRole.Viewer));
        app.MapPostJson<StopBody>("/api/stop", (_, body) => Stop(runs, body.Run)).WithMetadata(new WatchRule(WatchRole.Owner));
        return app;
    }

    /// <summary>The links to print: for the owner and, where looking on needs one, for viewers.</summary>
    public static (Uri Owner, Uri? Viewer) LinksOf(Uri address, WebSettings settings, WatchTokens tokens)
    {
        var start = settings.PublicUrl ?? address;
        Uri LinkOf(string token) => new(start, "/open?token=" + token);
        return (LinkOf(tokens.Owner), settings.IsLoopback && settings.PublicUrl is null ? null : LinkOf(tokens.Viewer));
    }

    /// <summary>The runs with different names: those of their folders.</summary>
    internal static IReadOnlyList<WatchedRun> RunsOf(IReadOnlyList<string> folders, TimeProvider clock)
    {
        string[] full = [.. folders.Select(static folder => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)))];
        if (full.Length is 0 or > Limits.WatchedRuns)
        {
            throw new InputException(FormattableString.Invariant($"Expected 1 to {Limits.WatchedRuns} run folders to watch, found {full.Length}."));
        }

        if (full.Distinct(StringComparer.Ordinal).Count() < full.Length)
        {
            throw new InputException("A run folder is named twice.");
        }

        return [.. full.Select(folder => new WatchedRun(folder, VisibleText.Plain(NameOf(folder, full)), clock))];
    }

    private static string NameOf(string folder, IEnumerable<string> all)
    {
        var name = Path.GetFileName(folder);
        return all.Count(other => Path.GetFileName(other) == name) > 1 ? $"{Path.GetFileName(Path.GetDirectoryName(folder))}/{name}" : name;
    }

    private static async Task Follow(
        HttpContext context, WebSettings settings, IReadOnlyList<WatchedRun> runs, SemaphoreSlim pages, WatchAccess access, CancellationToken ending)
    {
        if (!await pages.WaitAsync(0, context.RequestAborted))
        {
            await WebJson.WriteError(context, settings, StatusCodes.Status503ServiceUnavailable, "Too many pages look on; close one of them.");
            return;
        }

        try
        {
            var hello = JsonSerializer.SerializeToUtf8Bytes(new { Owner = access.RoleOf(context) == WatchRole.Owner, Runs = runs.Count }, WebJson.Options);
            await new WatchStream(context, ending).Send([.. runs.Select(static (run, i) => new WatchCursor(i, run))], hello);
        }
        finally
        {
            pages.Release();
        }
    }

    private static IResult Stop(IReadOnlyList<WatchedRun> runs, int number)
    {
        if (number < 0 || number >= runs.Count)
        {
            return WebJson.Result(new { Error = "There is no such run." }, StatusCodes.Status404NotFound);
        }

        var run = runs[number];
        lock (run.Gate)
        {
            run.Look();
            if (!run.IsAlive)
            {
                return WebJson.Result(new { Error = "The run is not under way: there is nothing to stop." }, StatusCodes.Status409Conflict);
            }
        }

        StopRequest.Make(run.Folder);
        return WebJson.Result(new { Asked = true });
    }
}
