namespace Rlhf.Evaluation;

/// <summary>How one labeler ranked the answers of a prompt.</summary>
/// <param name="Labeler">Who.</param>
/// <param name="Tiers">Answers by index, best tier first, ties share a tier; every answer once.</param>
public sealed record LabelerRanking(string Labeler, IReadOnlyList<IReadOnlyList<int>> Tiers);

/// <summary>
/// How far labelers who ranked the same answers agree. A prompt that fewer than two have ranked says nothing and is left out. Intervals are
/// those of a bootstrap over prompts (Efron 1979; percentiles), as the rankings of a prompt are not independent.
/// </summary>
public static class Agreement
{
    /// <summary>
    /// Share of pairs of answers on which two labelers say the same. A tie against a preference counts a half; opposite preferences nothing. Null where nothing
    /// can be compared.
    /// </summary>
    /// <param name="prompts">The rankings of each prompt.</param>
    /// <param name="labeler">Only comparisons of this labeler with others; of all pairs of labelers where null.</param>
    public static Estimate? Pairwise(IReadOnlyCollection<IReadOnlyList<LabelerRanking>> prompts, string? labeler = null)
    {
        var sums = prompts.Select(rankings => AgreeingPairs(rankings, labeler)).Where(sum => sum.Pairs > 0).ToArray();
        return Intervals.Bootstrap(sums, sum => sum.Pairs,
            drawn => drawn.Aggregate((0.0, 0L), (s, one) => (s.Item1 + one.Agreeing, s.Item2 + one.Pairs)) is var (agreeing, pairs) ? agreeing / pairs : null);
    }

    /// <summary>The share for one prompt with at least two rankings.</summary>
    public static double PairwiseOf(IReadOnlyList<LabelerRanking> rankings) => AgreeingPairs(rankings, null) is var (agreeing, pairs) ? agreeing / pairs : 0;

    /// <summary>
    /// Kendall's coefficient of concordance with the correction for ties (Kendall and Babington Smith 1939), the mean over prompts: 1 where all ranks are the
    /// same,
    /// near 0 where they are random among many. Prompts on which everybody ties everything have none. Null where no prompt has one.
    /// </summary>
    public static Estimate? KendallsW(IReadOnlyCollection<IReadOnlyList<LabelerRanking>> prompts)
    {
        var values = prompts.Select(KendallsWOf).OfType<double>().ToArray();
        return Intervals.Bootstrap(values, _ => 1, drawn => drawn.Average());
    }

    /// <summary>Kendall's W of one prompt; null with fewer than two labelers, or where everybody ties everything.</summary>
    public static double? KendallsWOf(IReadOnlyList<LabelerRanking> rankings)
    {
        if (rankings.Count < 2)
        {
            return null;
        }

        double labelers = rankings.Count, ties = 0;
        var sums = new double[AnswersOf(rankings[0])];
        foreach (var ranking in rankings)
        {
            var ranks = Ranks(ranking.Tiers);
            for (var i = 0; i < sums.Length; i++)
            {
                sums[i] += ranks[i];
            }

            ties += ranking.Tiers.Sum(tier => Math.Pow(tier.Count, 3) - tier.Count);
        }

        var mean = sums.Average();
        var denominator = labelers * labelers * (Math.Pow(sums.Length, 3) - sums.Length) - labelers * ties;
        return denominator > 0 ? 12 * sums.Sum(sum => (sum - mean) * (sum - mean)) / denominator : null;
    }

    /// <summary>
    /// Krippendorff's alpha for ordinal data (Krippendorff 2011): 1 for full agreement, 0 for chance. Each answer is a unit, its rank the value; a rank counts
    /// as the share
    /// of the answers that it beats, so prompts of different K can be compared. Null where nothing can be compared or all values are the same.
    /// </summary>
    public static Estimate? KrippendorffsAlpha(IReadOnlyCollection<IReadOnlyList<LabelerRanking>> prompts)
    {
        var compared = prompts.Where(rankings => rankings.Count > 1).Select(UnitsOf).ToArray();
        double[] values = [.. compared.SelectMany(units => units).SelectMany(unit => unit).Distinct().Order()];
        var coincidences = compared.Select(units => Coincidences.Of(units, values)).ToArray();
        return Intervals.Bootstrap(coincidences, units => units.Units, drawn => Coincidences.Sum(drawn, values.Length).Alpha());
    }

    /// <summary>Alpha of units that several observers gave ordered values; an observer may have left out a unit. Null where it is undefined.</summary>
    internal static double? OrdinalAlpha(IReadOnlyList<IReadOnlyList<double>> units)
    {
        double[] values = [.. units.Where(unit => unit.Count > 1).SelectMany(unit => unit).Distinct().Order()];
        return Coincidences.Of(units, values).Alpha();
    }

    private static List<double[]> UnitsOf(IReadOnlyList<LabelerRanking> rankings)
    {
        var ranks = rankings.Select(ranking => Ranks(ranking.Tiers)).ToArray();
        var answers = ranks[0].Length;
        return [.. Enumerable.Range(0, answers).Select(answer => ranks.Select(own => (own[answer] - 0.5) / answers).ToArray())];
    }

    private static (double Agreeing, long Pairs) AgreeingPairs(IReadOnlyList<LabelerRanking> rankings, string? labeler)
    {
        var (agreeing, pairs) = (0.0, 0L);
        for (var a = 0; a < rankings.Count; a++)
        {
            for (var b = a + 1; b < rankings.Count; b++)
            {
                if (labeler is null || rankings[a].Labeler == labeler || rankings[b].Labeler == labeler)
                {
                    var (first, second) = (Ranks(rankings[a].Tiers), Ranks(rankings[b].Tiers));
                    agreeing += AgreementOf(first, second);
                    pairs += first.Length * (first.Length - 1L) / 2;
                }
            }
        }

        return (agreeing, pairs);
    }

    private static double AgreementOf(double[] first, double[] second)
    {
        var agreeing = 0.0;
        for (var i = 0; i < first.Length; i++)
        {
            for (var j = i + 1; j < first.Length; j++)
            {
                agreeing += 1 - Math.Abs(Math.Sign(first[i] - first[j]) - Math.Sign(second[i] - second[j])) / 2.0;
            }
        }

        return agreeing;
    }

    /// <summary>[K] the rank of each answer, 1 the best; tied answers share the mean of their ranks.</summary>
    private static double[] Ranks(IReadOnlyList<IReadOnlyList<int>> tiers)
    {
        var ranks = new double[tiers.Sum(tier => tier.Count)];
        var before = 0;
        foreach (var tier in tiers)
        {
            foreach (var answer in tier)
            {
                ranks[answer] = before + (tier.Count + 1) / 2.0;
            }

            before += tier.Count;
        }

        return ranks;
    }

    private static int AnswersOf(LabelerRanking ranking) => ranking.Tiers.Sum(tier => tier.Count);

    /// <summary>Krippendorff's coincidence matrix of some units over V ordered values.</summary>
    private sealed class Coincidences(int values)
    {
        private readonly double[] _matrix = new double[values * values];

        public long Units { get; private set; }

        public static Coincidences Of(IReadOnlyList<IReadOnlyList<double>> units, double[] values)
        {
            var coincidences = new Coincidences(values.Length);
            foreach (var unit in units.Where(unit => unit.Count > 1))
            {
                int[] places = [.. unit.Select(value => Array.BinarySearch(values, value))];
                coincidences.Units++;
                for (var i = 0; i < places.Length; i++)
                {
                    for (var j = 0; j < places.Length; j++)
                    {
                        coincidences._matrix[places[i] * values.Length + places[j]] += i == j ? 0 : 1.0 / (places.Length - 1);
                    }
                }
            }

            return coincidences;
        }

        public static Coincidences Sum(IEnumerable<Coincidences> parts, int values)
        {
            var sum = new Coincidences(values);
            foreach (var part in parts)
            {
                for (var i = 0; i < sum._matrix.Length; i++)
                {
                    sum._matrix[i] += part._matrix[i];
                }
            }

            return sum;
        }

        /// <summary>1 - observed over expected disagreement; the ordinal distance of two values is the number of values between them, their own halved,
        /// squared.</summary>
        public double? Alpha()
        {
            var totals = new double[values];
            for (var i = 0; i < _matrix.Length; i++)
            {
                totals[i / values] += _matrix[i];
            }

            var (observed, expected) = (0.0, 0.0);
            for (var c = 0; c < values; c++)
            {
                var between = totals[c] / 2;
                for (var k = c + 1; k < values; k++)
                {
                    var distance = Math.Pow(between + totals[k] / 2, 2);
                    between += totals[k];
                    observed += _matrix[c * values + k] * distance;
                    expected += totals[c] * totals[k] * distance;
                }
            }

            return expected > 0 ? 1 - (totals.Sum() - 1) * observed / expected : null;
        }
    }
}
