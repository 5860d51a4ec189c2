using Rlhf.Evaluation;

namespace Rlhf.Labelers.Store;

/// <summary>One labeler's votes in an arena.</summary>
/// <param name="Name">Who.</param>
/// <param name="Wins">Votes for the first model.</param>
/// <param name="Ties">Votes for neither.</param>
/// <param name="Losses">Votes for the second model.</param>
/// <param name="FirstShown">Share of the votes without ties that went to the answer on the left.</param>
/// <param name="Agreement">Share of votes in which others say the same; a tie against a preference counts a half.</param>
public sealed record ArenaLabeler(string Name, int Wins, int Ties, int Losses, Estimate? FirstShown, Estimate? Agreement);

/// <summary>How two models compare in people's eyes, blind. Intervals take prompts, not votes, as independent.</summary>
public sealed record ArenaReport
{
    /// <summary>The first model, whose wins are counted.</summary>
    public required string Model { get; init; }

    /// <summary>The second model.</summary>
    public required string Versus { get; init; }

    /// <summary>Prompts that both answered.</summary>
    public required int Prompts { get; init; }

    /// <summary>Of them with the same answer by both: ties, about which nobody is asked.</summary>
    public required int Identical { get; init; }

    /// <summary>Of them with at least one vote.</summary>
    public required int Judged { get; init; }

    /// <summary>Judgements that said why there is no vote.</summary>
    public required int NotJudged { get; init; }

    /// <summary>The votes; null before the first one. An owner's decision stands for all votes of its prompt.</summary>
    public required WinRate? Votes { get; init; }

    /// <summary>
    /// Share of all prompts that the first model wins, ties a half: the rate of the votes on prompts whose answers differ, a half on the others, each with its
    /// share of the prompts.
    /// So it does not lean towards a half while votes are still missing.
    /// </summary>
    public required Estimate? WinRate { get; init; }

    /// <summary>Position bias: the share of votes without ties that went to the answer on the left (the upper one on a phone). Without a bias about a
    /// half.</summary>
    public required Estimate? FirstShown { get; init; }

    /// <summary>Share of votes on which two labelers say the same; a tie against a preference counts a half.</summary>
    public required Estimate? Agreement { get; init; }

    /// <summary>Everybody who voted.</summary>
    public required IReadOnlyList<ArenaLabeler> Labelers { get; init; }

    /// <summary>The arenas of a store, one for each pair of models.</summary>
    public static IReadOnlyList<ArenaReport> Of(RankingStore store)
    {
        var tasks = store.ArenaTasks();
        var rankings = tasks.Count > 0 ? store.Rankings().ToLookup(ranking => ranking.Task) : null;
        return [.. tasks.GroupBy(task => (task.Answers.Models![0], task.Answers.Models[1]))
            .Select(pair => OfPair(pair.Key.Item1, pair.Key.Item2, [.. pair], rankings!))];
    }

    private static ArenaReport OfPair(string model, string versus, IReadOnlyList<StoredTask> tasks, ILookup<long, StoredRanking> rankings)
    {
        var asked = tasks.Where(task => !task.Answers.HasIdenticalAnswers).ToList();
        var all = asked.SelectMany(task => rankings[task.Id]).ToList();
        var votes = asked.SelectMany(task => RankingExport.Deciding(rankings[task.Id])).ToList();
        var compared = all.Where(ranking => ranking is { Adjudication: false, Judgement.Tiers: not null }).GroupBy(ranking => ranking.Task)
            .Select(IReadOnlyList<LabelerRanking> (task) => [.. task.Select(ranking => new LabelerRanking(ranking.Labeler, ranking.Judgement.Tiers!))])
                .ToList();
        var rate = votes.Count > 0 ? WinRateOf(votes) : null;
        return new ArenaReport
        {
            Model = model,
            Versus = versus,
            Prompts = tasks.Count,
            Identical = tasks.Count - asked.Count,
            Judged = votes.DistinctBy(vote => vote.Task).Count(),
            NotJudged = all.Count(ranking => ranking.Judgement.Tiers is null),
            Votes = rate,
            WinRate = WithIdentical(rate?.Rate, asked.Count / (double)tasks.Count),
            FirstShown = FirstShownOf(votes),
            Agreement = Evaluation.Agreement.Pairwise(compared),
            Labelers = [.. votes.GroupBy(vote => vote.Labeler).OrderBy(own => own.Key, StringComparer.Ordinal)
                .Select(own => LabelerOf(own.Key, [.. own], compared))],
        };
    }

    private static ArenaLabeler LabelerOf(string name, List<StoredRanking> own, List<IReadOnlyList<LabelerRanking>> compared) => new(
        name, own.Count(vote => ScoreOf(vote) > 0), own.Count(vote => ScoreOf(vote) == 0), own.Count(vote => ScoreOf(vote) < 0), FirstShownOf(own),
        Evaluation.Agreement.Pairwise(compared, name));

    private static WinRate WinRateOf(List<StoredRanking> votes)
    {
        var prompts = votes.Select(vote => vote.Task).Distinct().Index().ToDictionary(task => task.Item, task => task.Index);
        return Evaluation.WinRate.Of([.. votes.Select(vote => (double)ScoreOf(vote))], new double[votes.Count], [.. votes.Select(vote => prompts[vote.Task])]);
    }

    private static Estimate? WithIdentical(Estimate? votes, double asked)
    {
        double Blend(double share) => asked * share + (1 - asked) / 2;
        return votes is null ? null : votes with { Value = Blend(votes.Value), Low = Blend(votes.Low), High = Blend(votes.High) };
    }

    private static Estimate? FirstShownOf(List<StoredRanking> votes)
    {
        var clusters = votes.Where(vote => ScoreOf(vote) != 0 && vote.OrderShown.Count > 0).GroupBy(vote => vote.Task)
            .Select(task => ((double)task.Count(vote => vote.Judgement.Tiers![0][0] == vote.OrderShown[0]), task.LongCount())).ToList();
        return clusters.Count > 0 ? Intervals.ClusteredWilson(clusters) : null;
    }

    /// <summary>1 for the first model, -1 for the second, 0 for neither.</summary>
    internal static int ScoreOf(StoredRanking vote) => vote.Judgement.Tiers!.Count == 1 ? 0 : vote.Judgement.Tiers[0][0] == 0 ? 1 : -1;
}
