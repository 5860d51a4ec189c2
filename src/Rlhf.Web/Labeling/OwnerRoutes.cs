using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>What the owner's page asks for.</summary>
internal static class OwnerRoutes
{
    private const long MaximumImportBytes = 512L * 1024 * 1024;

    private sealed record AdjudicateRequest(long Task);

    public static void Map(IEndpointRouteBuilder app, RankingStore store)
    {
        app.MapGet("/api/owner/overview", (HttpContext context) => WebJson.Result(Overview(store, context.User()))).For(UserRole.Owner);
        app.MapGet("/api/owner/version", () => WebJson.Result(new { Version = store.Version() })).For(UserRole.Owner);
        app.MapGet("/api/owner/tasks", (HttpContext context) => WebJson.Result(store.Find(QueryOf(context.Request.Query)))).For(UserRole.Owner);
        app.MapGet("/api/owner/against", (HttpContext context) =>
        {
            RejectUnknown(context.Request.Query, "labeler");
            return WebJson.Result(JudgeComparison.Of(store, TextOf(context.Request.Query, "labeler") ?? ""));
        }).For(UserRole.Owner);
        app.MapGet("/api/owner/tasks/{task:long}", (HttpContext context, long task) => Task(store, context.User(), task)).For(UserRole.Owner);
        app.MapGet("/api/owner/export", (HttpContext context) => Export(context, store, ExportOf(context.Request.Query))).For(UserRole.Owner);
        app.MapPostJson<SettingsChange>("/api/owner/settings", (_, body) => Change(store, body)).For(UserRole.Owner);
        app.MapPostJson<AdjudicateRequest>("/api/owner/adjudicate", (context, body) => Adjudicate(store, context.User(), body.Task)).For(UserRole.Owner);
        app.MapPost("/api/owner/import", async context => await (await Import(context, store)).ExecuteAsync(context)).For(UserRole.Owner);
    }

    private static TaskQuery QueryOf(IQueryCollection query)
    {
        RejectUnknown(query, "text", "kind", "round", "state", "labeler", "after");
        var kind = TextOf(query, "kind");
        return new TaskQuery(
            TextOf(query, "text"),
            kind is null ? null : TaskKinds.Find(kind) ?? throw new InputException($"kind: expected one of {string.Join(", ", TaskKinds.Names)}."),
            TextOf(query, "round"), TextOf(query, "state"), TextOf(query, "labeler"),
            TextOf(query, "after") is not { } after ? 0
                : long.TryParse(after, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number
                : throw new InputException("after: expected the number of a task."));
    }

    private static object Overview(RankingStore store, LabelUser user) => new
    {
        Version = store.Version(),
        Settings = store.Settings(),
        Users = store.Users().Select(user => new { user.Name, Owner = user.Role == UserRole.Owner, user.Revoked, user.HasToken }),
        Progress = store.Progress(user),
        Rounds = store.Rounds().Select(round => (Round: round, Progress: store.Progress(round)))
            .Select(round => new { round.Round, round.Progress.Done, round.Progress.Wanted }),
        Report = LabelReport.Of(store),
        Arenas = ArenaReport.Of(store),
        Table = ArenaTable.Of(store),
    };

    private static IResult Task(RankingStore store, LabelUser owner, long task) => store.FindTask(task) is { } found
        ? WebJson.Result(new
        {
            RankedByYou = store.Rankings(task).Any(ranking => ranking.Labeler == owner.Name),
            found.Id,
            found.Answers.Round,
            found.Answers.Messages,
            found.Answers.Responses,
            found.Answers.Known,
            found.Answers.Models,
            found.Answers.Kind,
            found.Answers.Draft,
            found.Answers.Author,
            Rankings = store.Rankings(task),
            History = store.History(task).Select(version => new { version.Labeler, version.Revision, version.Judgement, version.StoredAt }),
        })
        : WebJson.Result(new { Error = "There is no such task." }, StatusCodes.Status404NotFound);

    private static IResult Adjudicate(RankingStore store, LabelUser owner, long task) => store.Adjudicate(owner, task) is { } given
        ? WebJson.Result(given)
        : WebJson.Result(new { Error = "There is no such task, or you have done it: see My last tasks." }, StatusCodes.Status409Conflict);

    private static IResult Change(RankingStore store, SettingsChange change)
    {
        IReadOnlyList<string> conflicts = [];
        var settings = store.Change(now =>
        {
            conflicts = change.ConflictsWith(now);
            return conflicts.Count > 0 ? now : change.AppliedTo(now);
        });
        return conflicts.Count == 0
            ? WebJson.Result(settings)
            : WebJson.Result(
                new { Error = "Nothing was saved: somebody has changed this meanwhile. Look at what they wrote, and save again if yours shall stand.", Conflicts = conflicts, Settings = settings }, StatusCodes.Status409Conflict);
    }

    private static IResult Export(HttpContext context, RankingStore store, ExportOptions options)
    {
        var name = options.Everything ? "store" : options.As == ExportedRows.Comparisons ? "rankings" : options.As.NameOf();
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"{name}.jsonl\"";
        return Results.Stream(
            async stream =>
            {
                // Rows are made one at a time, but written without waiting: they go through a file, which may be larger than the memory.
                await using var file = TemporaryFile();
                await using (var writer = new StreamWriter(file, leaveOpen: true))
                {
                    RankingExport.Write(store, writer, options);
                }

                file.Position = 0;
                await file.CopyToAsync(stream, context.RequestAborted);
            },
            "application/x-ndjson");
    }

    private static async Task<IResult> Import(HttpContext context, RankingStore store)
    {
        if (context.Request.ContentType is not "application/x-ndjson")
        {
            throw new InputException("The body must be sent as application/x-ndjson.");
        }

        RejectUnknown(context.Request.Query, "round", "calibration", "kind");
        var kind = TextOf(context.Request.Query, "kind") is not { } named ? TaskKind.Rank
            : TaskKinds.Find(named) ?? throw new InputException($"kind: expected one of {string.Join(", ", TaskKinds.Names)}, found '{named}'.");
        var (round, calibration) = (TextOf(context.Request.Query, "round"), FlagOf(context.Request.Query, "calibration"));
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaximumImportBytes;
        await using var file = TemporaryFile();
        await context.Request.Body.CopyToAsync(file, context.RequestAborted);
        await file.FlushAsync(context.RequestAborted);
        return WebJson.Result(store.Import(RankingRows.Read(file.Name, "the file", round, calibration, kind)));
    }

    private static ExportOptions ExportOf(IQueryCollection query)
    {
        RejectUnknown(query, "round", "everything", "as");
        return new ExportOptions
        {
            Round = TextOf(query, "round"),
            Everything = FlagOf(query, "everything"),
            As = ExportedRowNames.Find(TextOf(query, "as"), "as"),
        };
    }

    private static string? TextOf(IQueryCollection query, string name) =>
        query[name] is { Count: > 0 } values && values.ToString() is { Length: > 0 } text ? text : null;

    private static bool FlagOf(IQueryCollection query, string name) => TextOf(query, name) switch
    {
        null or "false" => false,
        "true" => true,
        var other => throw new InputException($"{name}: expected true or false, found '{other}'."),
    };

    private static void RejectUnknown(IQueryCollection query, params string[] known)
    {
        if (query.Keys.FirstOrDefault(key => !known.Contains(key)) is { } unknown)
        {
            throw new InputException($"The parameter '{unknown}' is not known; known are: {string.Join(", ", known)}.");
        }

        if (query.FirstOrDefault(parameter => parameter.Value.Count > 1) is { Key: { } repeated })
        {
            throw new InputException($"The parameter '{repeated}' is there twice.");
        }
    }

    private static FileStream TemporaryFile()
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite | FileShare.Delete,
            Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(Path.Combine(Path.GetTempPath(), $"rlhf-{Guid.NewGuid():N}.jsonl"), options);
    }
}
