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

    /// <summary>[K] what tells an answer to the prompt from others, by which rankings of the same answers are found; empty where it is not known.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [];

    /// <summary>Decided pairs of answers; ties are not among them.</summary>
    public required IReadOnlyList<(int Better, int Worse)> Pairs { get; init; }
}

/// <summary>
/// How far a reward model can be trusted, on prompts that it was not trained on. Intervals are 95 %; where several pairs come from one
/// prompt they are widened for it.
/// </summary>
public sealed record TrustReport
{
    private const int MarginGroups = 4;
    private const int CalibrationRanges = 10;
    private const int MostLabelers = 20;

    /// <summary>Answers are of similar length where the shorter one has at least this share of the longer one's tokens.</summary>
    internal const double SimilarLength = 0.8;

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

    /// <summary>The same on pairs of similar length; null where there are none.</summary>
    public SimilarLengths? SimilarLengths { get; init; }

    /// <summary>Accuracy by labeler; empty where none are known. Of many the twenty who decided most pairs, and all others together.</summary>
    public required IReadOnlyList<AccuracyGroup> ByLabeler { get; init; }

    /// <summary>Accuracy for people from whom nothing was learned; null where there are none, or the training rankings do not all say who made them.</summary>
    public UnseenLabelers? UnseenLabelers { get; init; }

    /// <summary>Win probability that the model gives the answer it prefers, s(|difference|) from 0.5 to 1, against how often that answer won.</summary>
    public required Calibration Calibration { get; init; }

    /// <summary>Pearson's correlation of score with length over all answers; absent where one does not vary.</summary>
    public double? LengthCorrelation { get; init; }

    /// <summary>Spearman's (rank) correlation of score with length over all answers.</summary>
    public double? LengthRankCorrelation { get; init; }

    /// <summary>Pearson's correlation after subtracting each prompt's means: the length bias among answers to the same prompt.</summary>
    public double? LengthCorrelationWithinPrompts { get; init; }

    private sealed record Pair(string Prompt, string? Labeler, int Answers, double Difference, double Correct, double Shorter, bool IsSimilar,
        JudgedPair? Judged);

    /// <summary>A pair of answers whatever their order, and whether the first of them by name won.</summary>
    private sealed record JudgedPair(string First, string Second, bool FirstWon);

    /// <summary>Makes the report.</summary>
    /// <param name="rankings">Held-out rankings with the model's scores.</param>
    /// <param name="trainedLabelers">Everybody whose rankings were trained on; null where that is not known.</param>
    /// <exception cref="InputException">There is no decided pair.</exception>
    public static TrustReport Of(IReadOnlyList<HeldOutRanking> rankings, IReadOnlySet<string>? trainedLabelers = null)
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
            SimilarLengths = pairs.Where(p => p.IsSimilar).ToList() is { Count: > 0 } similar
                ? new SimilarLengths(Share(similar, p => p.Correct), Share(similar, p => 1 - p.Shorter))
                : null,
            ByLabeler = ByLabelerOf(pairs),
            UnseenLabelers = trainedLabelers is null ? null : UnseenOf([.. pairs.Where(p => p.Labeler is { } labeler && !trainedLabelers.Contains(labeler))]),
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
        Won(ranking.Lengths[pair.Worse], ranking.Lengths[pair.Better]),
        Math.Min(ranking.Lengths[pair.Better], ranking.Lengths[pair.Worse])
            >= SimilarLength * Math.Max(ranking.Lengths[pair.Better], ranking.Lengths[pair.Worse]),
        ranking.Answers.Count > 0 ? Judged(ranking.Answers[pair.Better], ranking.Answers[pair.Worse]) : null));

    private static JudgedPair Judged(string better, string worse) =>
        string.CompareOrdinal(better, worse) < 0 ? new(better, worse, FirstWon: true) : new(worse, better, FirstWon: false);

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

    private static List<AccuracyGroup> ByLabelerOf(List<Pair> pairs)
    {
        var labelers = pairs.Where(p => p.Labeler is not null).GroupBy(p => p.Labeler!).OrderByDescending(g => g.Count())
            .ThenBy(g => g.Key, StringComparer.Ordinal).ToArray();
        List<AccuracyGroup> groups =
        [
            .. labelers.Take(MostLabelers).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => new AccuracyGroup(g.Key, Share([.. g], p => p.Correct))),
        ];
        if (labelers.Length > MostLabelers)
        {
            var others = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{labelers.Length - MostLabelers} others");
            groups.Add(new AccuracyGroup(others, Share([.. labelers.Skip(MostLabelers).SelectMany(g => g)], p => p.Correct)));
        }

        return groups;
    }

    private static UnseenLabelers? UnseenOf(List<Pair> pairs) => pairs.Count == 0 ? null : new UnseenLabelers(
        pairs.Select(p => p.Labeler).Distinct().Count(), Share(pairs, p => p.Correct), AgreementOf(pairs));

    /// <summary>Each two labelers who decided the same pair of answers count once.</summary>
    private static Estimate? AgreementOf(List<Pair> pairs)
    {
        var twos = pairs.Where(p => p.Judged is not null).GroupBy(p => (p.Prompt, p.Judged!.First, p.Judged.Second))
            .Select(pair =>
            {
                var votes = pair.DistinctBy(p => p.Labeler).ToLookup(p => p.Judged!.FirstWon, p => p.Labeler);
                long first = votes[true].Count(), second = votes[false].Count();
                return (pair.Key.Prompt, Agreeing: (first * (first - 1) + second * (second - 1)) / 2, All: (first + second) * (first + second - 1) / 2);
            })
            .Where(two => two.All > 0).ToArray();
        return twos.Length == 0 ? null : Intervals.ClusteredWilson(
            [.. twos.GroupBy(two => two.Prompt).Select(own => ((double)own.Sum(two => two.Agreeing), own.Sum(two => two.All)))]);
    }

    private static double? WithinPrompts(IReadOnlyList<HeldOutRanking> rankings)
    {
        var scores = rankings.SelectMany(r => r.Scores.Select(s => s - r.Scores.Average())).ToList();
        var lengths = rankings.SelectMany(r => r.Lengths.Select(l => l - r.Lengths.Average())).ToList();
        return Correlation.Pearson(lengths, scores);
    }
}
