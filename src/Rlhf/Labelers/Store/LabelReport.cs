using Rlhf.Data;
using Rlhf.Evaluation;

namespace Rlhf.Labelers.Store;

/// <summary>One labeler in the owner's table.</summary>
/// <param name="Name">Who.</param>
/// <param name="Rankings">Prompts ranked.</param>
/// <param name="NotJudged">Of them without a ranking.</param>
/// <param name="LastDay">Of them in the last 24 hours.</param>
/// <param name="MedianSeconds">Half of the rankings took longer.</param>
/// <param name="Agreement">Share of pairs of answers on which others say the same.</param>
/// <param name="Calibration">Share of the known pairs of calibration items that they put in the right order.</param>
public sealed record LabelerReport(string Name, int Rankings, int NotJudged, int LastDay, double MedianSeconds, Estimate? Agreement, Estimate? Calibration);

/// <summary>A prompt on which labelers disagree.</summary>
/// <param name="Task">The task.</param>
/// <param name="Prompt">How it begins.</param>
/// <param name="Agreement">Share of pairs of answers on which two labelers say the same.</param>
/// <param name="Labelers">How many ranked it.</param>
/// <param name="Decided">Whether an owner has decided.</param>
public sealed record DisputedTask(long Task, string Prompt, double Agreement, int Labelers, bool Decided);

/// <summary>Something that somebody wrote or flagged.</summary>
/// <param name="Task">The task.</param>
/// <param name="Labeler">Who.</param>
/// <param name="Flags">Flags by the number of the answer, from 0.</param>
/// <param name="Comment">The comment.</param>
/// <param name="CannotJudge">Why it could not be judged.</param>
/// <param name="Reason">Why they said so.</param>
public sealed record LabelerNote(long Task, string Labeler, IReadOnlyDictionary<string, IReadOnlyList<string>> Flags, string? Comment, string? CannotJudge,
    string? Reason);

/// <summary>What the owner sees of a store.</summary>
public sealed record LabelReport
{
    private const int Listed = 50;

    /// <summary>Rankings in the last hour.</summary>
    public required int LastHour { get; init; }

    /// <summary>Rankings in the last 24 hours.</summary>
    public required int LastDay { get; init; }

    /// <summary>Prompts ranked by at least two.</summary>
    public required int Compared { get; init; }

    /// <summary>Share of pairs of answers on which two labelers say the same.</summary>
    public required Estimate? Pairwise { get; init; }

    /// <summary>Kendall's W, the mean over prompts.</summary>
    public required Estimate? KendallsW { get; init; }

    /// <summary>Krippendorff's alpha, ordinal.</summary>
    public required Estimate? KrippendorffsAlpha { get; init; }

    /// <summary>Everybody who ranked.</summary>
    public required IReadOnlyList<LabelerReport> Labelers { get; init; }

    /// <summary>The prompts with least agreement, worst first.</summary>
    public required IReadOnlyList<DisputedTask> Disputed { get; init; }

    /// <summary>The last flags, comments and reasons, newest first.</summary>
    public required IReadOnlyList<LabelerNote> Notes { get; init; }

    /// <summary>Who should be looked at, and why.</summary>
    public required IReadOnlyList<LabelerWarning> Warnings { get; init; }

    /// <summary>What is drawn.</summary>
    public required LabelFigures Figures { get; init; }

    /// <summary>Reads a store as it is now.</summary>
    public static LabelReport Of(RankingStore store)
    {
        var all = store.Rankings();
        var known = store.CalibrationTasks();
        var compared = all.Where(ranking => ranking is { Adjudication: false, Judgement.Tiers: not null } && !known.ContainsKey(ranking.Task))
            .GroupBy(ranking => ranking.Task)
            .ToDictionary(group => group.Key,
                IReadOnlyList<LabelerRanking> (group) => [.. group.Select(ranking => new LabelerRanking(ranking.Labeler, ranking.Judgement.Tiers!))]);
        var prompts = compared.Values.Where(rankings => rankings.Count > 1).ToList();
        var (hour, day) = (store.Now - 3_600_000, store.Now - 86_400_000);
        var byLabeler = all.ToLookup(ranking => ranking.Labeler);
        LabelerReport[] labelers = [.. byLabeler.OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => LabelerOf(group.Key, [.. group], prompts, known, day))];
        return new LabelReport
        {
            Warnings = LabelerWarnings.Of(byLabeler, labelers, store.Characters()),
            Figures = LabelFigures.Of(all, prompts),
            LastHour = all.Count(ranking => ranking.CreatedAt > hour),
            LastDay = all.Count(ranking => ranking.CreatedAt > day),
            Compared = prompts.Count,
            Pairwise = Agreement.Pairwise(prompts),
            KendallsW = Agreement.KendallsW(prompts),
            KrippendorffsAlpha = Agreement.KrippendorffsAlpha(prompts),
            Labelers = labelers,
            Disputed = DisputedOf(store, compared, all),
            Notes = [.. all.OrderByDescending(ranking => ranking.UpdatedAt).Where(HasNote).Take(Listed).Select(NoteOf)],
        };
    }

    private static LabelerReport LabelerOf(
        string name, IReadOnlyList<StoredRanking> own, List<IReadOnlyList<LabelerRanking>> prompts,
        IReadOnlyDictionary<long, IReadOnlyList<IReadOnlyList<int>>> known, long day)
    {
        double[] seconds = [.. own.Select(ranking => ranking.Seconds).Order()];
        var calibration = own.Where(ranking => ranking.Judgement.Tiers is not null && known.ContainsKey(ranking.Task))
            .Select(ranking => Right(known[ranking.Task], ranking.Judgement.Tiers!)).Where(right => right.Trials > 0).ToList();
        return new LabelerReport(
            name, own.Count, own.Count(ranking => ranking.Judgement.CannotJudge is not null), own.Count(ranking => ranking.CreatedAt > day),
            seconds[seconds.Length / 2],
            Agreement.Pairwise(prompts, name), calibration.Count > 0 ? Intervals.ClusteredWilson(calibration) : null);
    }

    private static (double Successes, long Trials) Right(IReadOnlyList<IReadOnlyList<int>> known, IReadOnlyList<IReadOnlyList<int>> given)
    {
        var said = Tiers.Pairs(given).ToHashSet();
        var pairs = Tiers.Pairs(known);
        return (pairs.Count(said.Contains), pairs.Count);
    }

    private static List<DisputedTask> DisputedOf(RankingStore store, Dictionary<long, IReadOnlyList<LabelerRanking>> compared, IReadOnlyList<StoredRanking> all)
    {
        var decided = all.Where(ranking => ranking.Adjudication).Select(ranking => ranking.Task).ToHashSet();
        return
        [
            .. compared.Where(task => task.Value.Count > 1)
                .Select(task => (task.Key, task.Value.Count, Agreement: Agreement.PairwiseOf(task.Value)))
                .Where(task => task.Agreement < 1).OrderBy(task => task.Agreement).ThenBy(task => task.Key).Take(Listed)
                .Select(task => new DisputedTask(task.Key, store.BeginningOf(task.Key), task.Agreement, task.Count, decided.Contains(task.Key))),
        ];
    }

    private static bool HasNote(StoredRanking ranking) =>
        ranking.Judgement.Flags.Any(flags => flags.Count > 0) || ranking.Judgement.Comment is not null || ranking.Judgement.CannotJudge is not null
            || ranking.Judgement.Reason is not null;

    private static LabelerNote NoteOf(StoredRanking ranking) => new(
        ranking.Task, ranking.Labeler,
        ranking.Judgement.Flags.Index().Where(answer => answer.Item.Count > 0)
            .ToDictionary(answer => answer.Index.ToString(System.Globalization.CultureInfo.InvariantCulture), answer => answer.Item),
        ranking.Judgement.Comment, ranking.Judgement.CannotJudge, ranking.Judgement.Reason);
}
