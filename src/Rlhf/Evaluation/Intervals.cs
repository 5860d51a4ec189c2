namespace Rlhf.Evaluation;

/// <summary>95 % intervals of shares, means and differences.</summary>
public static class Intervals
{
    private const double Normal = 1.959963984540054;
    private const int Resamples = 2000;
    private const int StatisticResamples = 500; // of a statistic that looks at every answer

    /// <summary>
    /// Wilson's interval (1927) of a share: stays within [0, 1] and is honest near the ends.
    /// </summary>
    /// <param name="successes">Successes; a tie may count a half.</param>
    /// <param name="trials">Independent trials, at least one.</param>
    public static Estimate Wilson(double successes, long trials) => Wilson(successes / trials, trials, trials);

    /// <summary>
    /// Wilson's interval of a share whose trials come in clusters that are not independent inside (the C(K,2) pairs of a prompt). The
    /// number of trials is divided by the design effect (Kish 1965): cluster-robust variance over the binomial one, at least 1.
    /// </summary>
    /// <param name="clusters">Successes and trials of each cluster.</param>
    public static Estimate ClusteredWilson(IReadOnlyCollection<(double Successes, long Trials)> clusters)
    {
        var trials = clusters.Sum(c => c.Trials);
        var share = clusters.Sum(c => c.Successes) / trials;
        var binomial = share * (1 - share) * trials;
        var clustered = clusters.Sum(c => (c.Successes - share * c.Trials) * (c.Successes - share * c.Trials));
        // Without any variance the design effect cannot be seen: take the clusters as the trials.
        var effective = binomial > 0 ? trials / Math.Max(1, clustered / binomial) : clusters.Count;
        return Wilson(share, effective, trials);
    }

    /// <summary>Mean with Student's interval; of one number the interval is that number alone, so give at least two.</summary>
    /// <param name="values">Independent numbers, at least two.</param>
    public static Estimate Mean(IReadOnlyCollection<double> values)
    {
        if (values.Count < 2)
        {
            throw new ArgumentException("An interval of a mean needs at least two numbers.", nameof(values));
        }

        var mean = values.Average();
        var variance = values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1);
        var half = StudentT.UpperQuantile(values.Count - 1) * Math.Sqrt(variance / values.Count);
        return new Estimate(mean, mean - half, mean + half, values.Count);
    }

    /// <summary>
    /// Mean of a - b over pairs, with the interval of a bootstrap that draws whole clusters (Efron 1979; percentiles of 2,000 draws).
    /// </summary>
    /// <param name="a">Numbers of the first kind.</param>
    /// <param name="b">Numbers of the second kind, each beside its partner.</param>
    /// <param name="clusters">Cluster of each pair, such as its prompt; none: each pair is its own.</param>
    /// <param name="seed">Seed of the draws.</param>
    public static Estimate PairedBootstrap(IReadOnlyList<double> a, IReadOnlyList<double> b, IReadOnlyList<int>? clusters = null, ulong seed = 0)
    {
        if (a.Count == 0 || a.Count != b.Count || (clusters is not null && clusters.Count != a.Count))
        {
            throw new ArgumentException("Pairs need as many numbers of both kinds, and as many clusters, at least one.", nameof(a));
        }

        var sums = Enumerable.Range(0, a.Count)
            .GroupBy(i => clusters?[i] ?? i, (_, own) => own.Aggregate((Sum: 0.0, Count: 0L), (s, i) => (s.Sum + a[i] - b[i], s.Count + 1)))
            .ToArray();

        var random = new SplitMix64(seed);
        var means = new double[Resamples];
        for (var draw = 0; draw < Resamples; draw++)
        {
            var (sum, count) = (0.0, 0L);
            for (var i = 0; i < sums.Length; i++)
            {
                var cluster = sums[random.Next(sums.Length)];
                (sum, count) = (sum + cluster.Sum, count + cluster.Count);
            }

            means[draw] = sum / count;
        }

        Array.Sort(means);
        return new Estimate(sums.Sum(s => s.Sum) / a.Count, means[Resamples / 40], means[Resamples - 1 - Resamples / 40], a.Count);
    }

    /// <summary>A statistic of prompts, with the interval of a bootstrap that draws whole prompts (Efron 1979; percentiles of 500 draws). Null where it has no
    /// value; draws without one are left out.</summary>
    /// <param name="prompts">The prompts with what the statistic needs of each.</param>
    /// <param name="countOf">What is counted of a prompt.</param>
    /// <param name="statistic">The statistic.</param>
    internal static Estimate? Bootstrap<T>(T[] prompts, Func<T, long> countOf, Func<IReadOnlyCollection<T>, double?> statistic)
    {
        if (prompts.Length == 0 || statistic(prompts) is not { } value)
        {
            return null;
        }

        var random = new SplitMix64(0);
        var drawn = new T[prompts.Length];
        List<double> draws = [];
        for (var draw = 0; draw < StatisticResamples; draw++)
        {
            for (var i = 0; i < drawn.Length; i++)
            {
                drawn[i] = prompts[random.Next(prompts.Length)];
            }

            if (statistic(drawn) is { } found)
            {
                draws.Add(found);
            }
        }

        draws.Sort();
        return new Estimate(value, draws[draws.Count / 40], draws[draws.Count - 1 - draws.Count / 40], prompts.Sum(countOf));
    }

    private static Estimate Wilson(double share, double trials, long count)
    {
        if (!(trials > 0))
        {
            throw new ArgumentException("A share needs at least one trial.", nameof(trials));
        }

        var z2 = Normal * Normal / trials;
        var centre = (share + z2 / 2) / (1 + z2);
        var half = Normal / (1 + z2) * Math.Sqrt(share * (1 - share) / trials + z2 / (4 * trials));
        return new Estimate(share, Math.Max(0, centre - half), Math.Min(1, centre + half), count);
    }
}
