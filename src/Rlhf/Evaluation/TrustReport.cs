using Rlhf.Objectives;

namespace Rlhf.Evaluation;

/// <summary>One held-out prompt whose answers people compared and the reward model scored.</summary>
public sealed record HeldOutRanking
{
    /// <summary>Names the prompt; rankings with the same name are one cluster.</summary>
    public required string Prompt { get; init; }

    /// <summary>Who compared, if known.</summary>
    public string? Labeler { get; init; }

    /// <summary>[K] score of each answer.</summary>
    public required IReadOnlyList<double> Scores { get; init; }

    /// <summary>[K] length of each answer in tokens.</summary>
    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>Decided pairs of answers; ties are not among them.</summary>
    public required IReadOnlyList<(int Better, int Worse)> Pairs { get; init; }
}

/// <summary>Accuracy on some of the pairs.</summary>
/// <param name="Name">Which pairs: <c>4</c> answers, labeler <c>ann</c>, score margin <c>0.5 to 1.2</c>.</param>
/// <param name="Accuracy">Share of pairs in which the preferred answer scores higher, equal scores half.</param>
public sealed record AccuracyGroup(string Name, Estimate Accuracy);

/// <summary>Accuracy on pairs whose scores differ by an amount in one range.</summary>
/// <param name="Low">Smallest |score difference|.</param>
/// <param name="High">Largest |score difference|.</param>
/// <param name="Accuracy">Share of these pairs in which the preferred answer scores higher, equal scores half.</param>
public sealed record MarginGroup(double Low, double High, Estimate Accuracy);

/// <summary>
/// How far a reward model can be trusted, on prompts that it was not trained on. Intervals are 95 %; where several pairs come from one
/// prompt they are widened for it.
/// </summary>
public sealed record TrustReport
{
    private const int MarginGroups = 4;
    private const int CalibrationRanges = 10;

    /// <summary>Held-out prompts.</summary>
    public required int Prompts { get; init; }

    /// <summary>Their answers.</summary>
    public required int Answers { get; init; }

    /// <summary>Decided pairs.</summary>
    public required int Pairs { get; init; }

    /// <summary>Share of pairs in which the preferred answer scores higher, equal scores half.</summary>
    public required Estimate Accuracy { get; init; }

    /// <summary>Accuracy of the rule "the shorter answer wins" on the same pairs, equal lengths half.</summary>
    public required Estimate ShorterWins { get; init; }

    /// <summary>Accuracy of the rule "the longer answer wins" on the same pairs, equal lengths half.</summary>
    public required Estimate LongerWins { get; init; }

    /// <summary>Accuracy by the number of answers K that were ranked together.</summary>
    public required IReadOnlyList<AccuracyGroup> ByAnswers { get; init; }

    /// <summary>Accuracy by |score difference|, in quarters of the pairs: a model worth its scores is surer where it is righter.</summary>
    public required IReadOnlyList<MarginGroup> ByMargin { get; init; }

    /// <summary>Accuracy by labeler; empty where none are known.</summary>
    public required IReadOnlyList<AccuracyGroup> ByLabeler { get; init; }

    /// <summary>Win probability that the model gives the answer it prefers, s(|difference|) from 0.5 to 1, against how often that answer won.</summary>
    public required Calibration Calibration { get; init; }

    /// <summary>Pearson's correlation of score with length over all answers; absent where one does not vary.</summary>
    public double? LengthCorrelation { get; init; }

    /// <summary>Spearman's (rank) correlation of score with length over all answers.</summary>
    public double? LengthRankCorrelation { get; init; }

    /// <summary>Pearson's correlation after subtracting each prompt's means: the length bias among answers to the same prompt.</summary>
    public double? LengthCorrelationWithinPrompts { get; init; }

    private sealed record Pair(string Prompt, string? Labeler, int Answers, double Difference, double Correct, double Shorter);

    /// <summary>Makes the report.</summary>
    /// <exception cref="InputException">There is no decided pair.</exception>
    public static TrustReport Of(IReadOnlyList<HeldOutRanking> rankings)
    {
        var pairs = rankings.SelectMany(PairsOf).ToList();
        if (pairs.Count == 0)
        {
            throw new InputException(
                "The reward model cannot be evaluated: the held-out data hold no pair in which one answer is preferred. Hold out more prompts.");
        }

        var scores = rankings.SelectMany(r => r.Scores).ToList();
        var lengths = rankings.SelectMany(r => r.Lengths).Select(l => (double)l).ToList();

        return new TrustReport
        {
            Prompts = rankings.Select(r => r.Prompt).Distinct().Count(),
            Answers = scores.Count,
            Pairs = pairs.Count,
            Accuracy = Share(pairs, p => p.Correct),
            ShorterWins = Share(pairs, p => p.Shorter),
            LongerWins = Share(pairs, p => 1 - p.Shorter),
            ByAnswers = [.. pairs.GroupBy(p => p.Answers).OrderBy(g => g.Key)
                .Select(g => new AccuracyGroup(g.Key.ToString(System.Globalization.CultureInfo.InvariantCulture), Share([.. g], p => p.Correct)))],
            ByMargin = ByMarginOf(pairs),
            ByLabeler = [.. pairs.Where(p => p.Labeler is not null).GroupBy(p => p.Labeler!).OrderBy(g => g.Key, StringComparer.Ordinal)
                .Select(g => new AccuracyGroup(g.Key, Share([.. g], p => p.Correct)))],
            Calibration = Calibration.Of([.. pairs.Select(p => (Logistic.Sigmoid(Math.Abs(p.Difference)), p.Correct))], 0.5, CalibrationRanges),
            LengthCorrelation = Correlation.Pearson(lengths, scores),
            LengthRankCorrelation = Correlation.Spearman(lengths, scores),
            LengthCorrelationWithinPrompts = WithinPrompts(rankings),
        };
    }

    private static IEnumerable<Pair> PairsOf(HeldOutRanking ranking) => ranking.Pairs.Select(pair => new Pair(
        ranking.Prompt, ranking.Labeler, ranking.Scores.Count,
        ranking.Scores[pair.Better] - ranking.Scores[pair.Worse],
        Won(ranking.Scores[pair.Better], ranking.Scores[pair.Worse]),
        Won(ranking.Lengths[pair.Worse], ranking.Lengths[pair.Better])));

    private static double Won(double better, double worse) => better > worse ? 1 : better == worse ? 0.5 : 0;

    private static Estimate Share(IReadOnlyList<Pair> pairs, Func<Pair, double> success) =>
        Intervals.ClusteredWilson([.. pairs.GroupBy(p => p.Prompt).Select(g => (g.Sum(success), g.LongCount()))]);

    private static List<MarginGroup> ByMarginOf(List<Pair> pairs)
    {
        var sorted = pairs.OrderBy(p => Math.Abs(p.Difference)).ToArray();
        var groups = new List<MarginGroup>();
        for (var g = 0; g < MarginGroups; g++)
        {
            var own = sorted[(sorted.Length * g / MarginGroups)..(sorted.Length * (g + 1) / MarginGroups)];
            if (own.Length > 0)
            {
                groups.Add(new MarginGroup(Math.Abs(own[0].Difference), Math.Abs(own[^1].Difference), Share(own, p => p.Correct)));
            }
        }

        return groups;
    }

    private static double? WithinPrompts(IReadOnlyList<HeldOutRanking> rankings)
    {
        var scores = rankings.SelectMany(r => r.Scores.Select(s => s - r.Scores.Average())).ToList();
        var lengths = rankings.SelectMany(r => r.Lengths.Select(l => l - r.Lengths.Average())).ToList();
        return Correlation.Pearson(lengths, scores);
    }
}
