using System.Globalization;
using System.Text.Json;
using Rlhf.Labelers.Store;

namespace LabelLoad;

/// <summary>How long requests took, in milliseconds.</summary>
internal sealed record Latency(int Requests, double? P50, double? P99, double? Max)
{
    public static Latency Of(IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        double? At(double share) => sorted.Length > 0 ? Math.Round(sorted[(int)(share * (sorted.Length - 1))], 1) : null;
        return new Latency(sorted.Length, At(0.5), At(0.99), At(1));
    }

    public string ToText(string name) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}: {Requests} requests, p50 {P50} ms, p99 {P99} ms, longest {Max} ms");
}

/// <summary>What the store has against what the labelers were told.</summary>
/// <param name="Store">sqlite or postgresql.</param>
/// <param name="Labelers">Labelers at once.</param>
/// <param name="Minutes">How long.</param>
/// <param name="Restarts">How often the server was killed (SIGKILL) and started again.</param>
/// <param name="Acknowledged">Rankings that the server said were stored.</param>
/// <param name="Stored">Rankings in the store.</param>
/// <param name="Edited">Of them changed afterwards.</param>
/// <param name="Failures">Requests without a good answer, all of which were sent again.</param>
/// <param name="Lost">Acknowledged, and not in the store.</param>
/// <param name="Wrong">Stored with another order than the one that was acknowledged.</param>
/// <param name="Doubled">Stored twice, or one change stored as two.</param>
/// <param name="Unasked">Stored, though nobody sent it.</param>
/// <param name="OverRanked">Prompts with more rankings than the overlap at the end.</param>
/// <param name="Miscounted">Judgements in the store less those that its own count has, skipped tasks apart.</param>
/// <param name="OverAssigned">Prompts with more rankings and running leases than the overlap, at the worst look during the load.</param>
/// <param name="Looks">How often was looked.</param>
/// <param name="NextTask">Time of the request for the next task.</param>
/// <param name="Submit">Time of the request that stores a ranking.</param>
internal sealed record LoadReport(
    string Store, int Labelers, double Minutes, int Restarts, int Acknowledged, int Stored, int Edited, int Failures,
    int Lost, int Wrong, int Doubled, int Unasked, int OverRanked, long Miscounted, long OverAssigned, int Looks, Latency NextTask, Latency Submit)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public bool IsRight => Lost + Wrong + Doubled + Unasked + OverRanked + OverAssigned == 0 && Miscounted == 0 && Acknowledged > 0;

    public static LoadReport Of(LoadOptions options, Labeler[] labelers, int restarts, (int Looks, long OverAssigned) audit)
    {
        var store = RankingStore.Open(options.Store);
        var answers = store.Tasks().ToDictionary(task => task.Id, task => task.Answers.Responses);
        var rankings = store.Rankings();
        var done = rankings.Where(ranking => ranking.Judgement.CannotJudge is null).CountBy(ranking => ranking.Task).ToList();
        var stored = rankings.ToLookup(
            ranking => (ranking.Labeler, ranking.Task), ranking => Work.SaidOf(ranking.Judgement, answers[ranking.Task]));
        var acknowledged = labelers.SelectMany(labeler => labeler.Acknowledged.Select(said => (Key: (labeler.Name, said.Key), said.Value))).ToDictionary();
        var unknown = labelers.SelectMany(labeler => labeler.Unknown.Select(said => (Key: (labeler.Name, said.Key), said.Value))).ToDictionary();
        return new LoadReport(
            options.Store.Contains("://", StringComparison.Ordinal) ? "postgresql" : "sqlite", labelers.Length, options.Minutes, restarts, acknowledged.Count,
            rankings.Count,
            rankings.Count(ranking => ranking.Edits > 0), labelers.Sum(labeler => labeler.Failures),
            Lost: acknowledged.Keys.Count(key => !stored.Contains(key)),
            Wrong: acknowledged.Count(
                said => stored.Contains(said.Key) && stored[said.Key].First() != said.Value && stored[said.Key].First() != unknown.GetValueOrDefault(said.Key)),
            Doubled: rankings.Count - stored.Count + rankings.Count(ranking => ranking.Edits > Labeler.MostEdits),
            Unasked: stored.Count(group => !unknown.ContainsKey(group.Key) && !acknowledged.ContainsKey(group.Key)),
            OverRanked: done.Count(task => task.Value > options.Overlap),
            Miscounted: done.Sum(task => (long)task.Value) - store.Progress(round: null).Done,
            audit.OverAssigned, audit.Looks,
            Latency.Of(labelers.SelectMany(labeler => labeler.NextMilliseconds)), Latency.Of(labelers.SelectMany(labeler => labeler.SubmitMilliseconds)));
    }

    public string ToJson() => JsonSerializer.Serialize(this, Json);

    public string ToText() => string.Create(CultureInfo.InvariantCulture, $"""
        {Store}: {Labelers} labelers, {Minutes} minutes, {Restarts} kills and restarts of the server
        acknowledged {Acknowledged}, stored {Stored}, of them edited {Edited}; failures that clients met and repeated {Failures}
        lost {Lost}, stored with another order {Wrong}, doubled {Doubled}, stored but never sent {Unasked}, ranked too often {OverRanked}, miscounted {Miscounted}, over-assigned in {Looks} looks {OverAssigned}
        {NextTask.ToText("next task")}
        {Submit.ToText("submit")}
        {(IsRight ? "right" : "WRONG")}
        """);
}
