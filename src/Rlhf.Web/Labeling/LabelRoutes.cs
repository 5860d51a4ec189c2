using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Labeling;

/// <summary>What the ranking page asks for.</summary>
internal static class LabelRoutes
{
    private const int MaximumHolding = 10;

    private sealed record NextRequest(IReadOnlyList<long> Holding);

    private sealed record RenewRequest(IReadOnlyList<long> Tasks);

    public static void Map(WebApplication app, RankingStore store)
    {
        app.MapGet("/api/me", (HttpContext context) => WebJson.Result(Me(store, context.User()))).For(UserRole.Labeler);
        app.MapPostJson<NextRequest>("/api/next", (context, body) => Next(store, context.User(), body)).For(UserRole.Labeler);
        app.MapPostJson<RenewRequest>("/api/renew", (context, body) => Renew(store, context.User(), body)).For(UserRole.Labeler);
        app.MapPostJson<Submission>("/api/rankings", (context, body) => Submit(store, context.User(), body)).For(UserRole.Labeler);
        app.MapPostJson<UnfinishedWork>("/api/work", (context, body) => WebJson.Result(new { Kept = store.Keep(context.User(), body) })).For(UserRole.Labeler);
        app.MapGet("/api/recent", (HttpContext context) => WebJson.Result(store.Recent(context.User()))).For(UserRole.Labeler);
        app.MapGet("/api/recent/{task:long}", (HttpContext context, long task) => store.Again(context.User(), task) is { } again
            ? WebJson.Result(again)
            : WebJson.Result(new { Error = "You have not done this." }, StatusCodes.Status404NotFound)).For(UserRole.Labeler);
    }

    private static object Me(RankingStore store, LabelUser user)
    {
        var settings = store.Settings();
        return new
        {
            user.Name,
            Owner = user.Role == UserRole.Owner,
            Progress = store.Progress(user),
            settings.Paused,
            settings.Instructions,
            settings.InstructionsVersion,
            settings.LeaseMinutes,
            settings.Reason,
            Criteria = Criterion.Parse(settings.Criteria),
            Flags = AnswerFlags.All,
            TaskKinds.UseCases,
        };
    }

    private static IResult Next(RankingStore store, LabelUser user, NextRequest request)
    {
        var task = store.Next(user, request.Holding.Take(MaximumHolding).ToHashSet());
        var settings = store.Settings();
        return WebJson.Result(new { Task = task, settings.Paused, settings.InstructionsVersion, Progress = store.Progress(user) });
    }

    private static IResult Renew(RankingStore store, LabelUser user, RenewRequest request) =>
        WebJson.Result(new { Yours = request.Tasks.Take(MaximumHolding).Where(task => store.Renew(user, task)), store.Settings().InstructionsVersion });

    private static IResult Submit(RankingStore store, LabelUser user, Submission submission)
    {
        var result = store.Submit(user, submission);
        return result == SubmissionResult.Stored
            ? WebJson.Result(new { Progress = store.Progress(user) })
            : WebJson.Result(new { Error = MessageOf(result) }, result is SubmissionResult.ReasonMissing or SubmissionResult.ScoreMissing
                ? StatusCodes.Status422UnprocessableEntity
                : StatusCodes.Status409Conflict);
    }

    private static string MessageOf(SubmissionResult result) => result switch
    {
        SubmissionResult.TooLate => "This was not saved: its time ran out, and others have done the task since.",
        SubmissionResult.AlreadyRanked => "This was not saved: you have done this task otherwise already, perhaps in another window. My last tasks shows it.",
        SubmissionResult.ChangedMeanwhile => "This change was not saved: you have changed this task in another window meanwhile. Open it again under My last tasks.",
        SubmissionResult.ReasonMissing => "This was not saved: the owner asks why so. The task comes back with what you have done.",
        SubmissionResult.ScoreMissing =>
            "This was not saved: the owner asks for scores of each answer that are on their scale. The task comes back with what you have done.",
        SubmissionResult.NothingToEdit => "There is nothing to change: you have not done this task.",
        _ => "This was not saved: the task is not yours.",
    };
}
