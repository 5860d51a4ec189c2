using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>What the owner's page asks for.</summary>
internal static class OwnerRoutes
{
    private const long MaximumImportBytes = 512L * 1024 * 1024;

    private sealed record AdjudicateRequest(long Task);

    private sealed record SettingsRequest(int? Overlap = null, double? LeaseMinutes = null, double? CalibrationShare = null, bool? Paused = null, string? Instructions = null);

    public static void Map(IEndpointRouteBuilder app, RankingStore store)
    {
        app.MapGet("/api/owner/overview", (HttpContext context) => WebJson.Result(Overview(store, context.User()))).For(UserRole.Owner);
        app.MapGet("/api/owner/tasks/{task:long}", (long task) => Task(store, task)).For(UserRole.Owner);
        app.MapGet("/api/owner/export", (HttpContext context, string? round, bool? everything) => Export(context, store, new ExportOptions { Round = round, Everything = everything ?? false })).For(UserRole.Owner);
        app.MapPostJson<SettingsRequest>("/api/owner/settings", (_, body) => WebJson.Result(Change(store, body))).For(UserRole.Owner);
        app.MapPostJson<AdjudicateRequest>("/api/owner/adjudicate", (context, body) => Adjudicate(store, context.User(), body.Task)).For(UserRole.Owner);
        app.MapPost("/api/owner/import", async context => await (await Import(context, store)).ExecuteAsync(context)).For(UserRole.Owner);
    }

    private static object Overview(RankingStore store, LabelUser user) => new
    {
        Settings = store.Settings(),
        Progress = store.Progress(user),
        Rounds = store.Rounds().Select(round => (Round: round, Progress: store.Progress(round))).Select(round => new { round.Round, round.Progress.Done, round.Progress.Wanted }),
        Report = LabelReport.Of(store),
        Arenas = ArenaReport.Of(store),
    };

    private static IResult Task(RankingStore store, long task) => store.FindTask(task) is { } found
        ? WebJson.Result(new
        {
            found.Id,
            found.Answers.Round,
            found.Answers.Messages,
            found.Answers.Responses,
            found.Answers.Known,
            found.Answers.Models,
            Rankings = store.Rankings(task),
            History = store.History(task).Select(version => new { version.Labeler, version.Revision, version.Judgement, version.StoredAt }),
        })
        : WebJson.Result(new { Error = "There is no such task." }, StatusCodes.Status404NotFound);

    private static IResult Adjudicate(RankingStore store, LabelUser owner, long task) => store.Adjudicate(owner, task) is { } given
        ? WebJson.Result(given)
        : WebJson.Result(new { Error = "There is no such task, or you have ranked it: see My last rankings." }, StatusCodes.Status409Conflict);

    private static LabelSettings Change(RankingStore store, SettingsRequest request) => store.Change(settings => settings with
    {
        Overlap = request.Overlap ?? settings.Overlap,
        LeaseMinutes = request.LeaseMinutes ?? settings.LeaseMinutes,
        CalibrationShare = request.CalibrationShare ?? settings.CalibrationShare,
        Paused = request.Paused ?? settings.Paused,
        Instructions = request.Instructions ?? settings.Instructions,
    });

    private static IResult Export(HttpContext context, RankingStore store, ExportOptions options)
    {
        context.Response.Headers.ContentDisposition = "attachment; filename=\"rankings.jsonl\"";
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

        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = MaximumImportBytes;
        await using var file = TemporaryFile();
        await context.Request.Body.CopyToAsync(file, context.RequestAborted);
        await file.FlushAsync(context.RequestAborted);
        var query = context.Request.Query;
        var round = query["round"].ToString();
        return WebJson.Result(store.Import(RankingRows.Read(file.Name, "the file", round.Length > 0 ? round : null, query["calibration"] == "true")));
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
