namespace Rlhf.Evaluation;

/// <summary>Sampling n answers and keeping the best: what PPO has to beat at the same KL (Stiennon 2020; Gao 2023).</summary>
public static class BestOfN
{
    /// <summary>
    /// The expected best of n of a prompt's scores, without bias, from any N >= n of them: the mean over all subsets of n (Nakano 2021, appendix I). With the
    /// scores in ascending order it is the sum over i of C(i - 1, n - 1) / C(N, n) times the i-th.
    /// </summary>
    /// <param name="scores">[N] scores of answers to one prompt, all sampled alike.</param>
    /// <param name="n">From 1 to N.</param>
    public static double Expected(ReadOnlySpan<double> scores, int n)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(n, scores.Length);
        double[] sorted = [.. scores];
        Array.Sort(sorted);
        var (expected, weight) = (0.0, (double)n / sorted.Length); // C(N - 1, n - 1) / C(N, n)
        for (var i = sorted.Length; i >= n; i--)
        {
            expected += weight * sorted[i - 1];
            weight *= i > n ? (double)(i - n) / (i - 1) : 0; // C(i - 2, n - 1) / C(i - 1, n - 1)
        }

        return expected;
    }

    /// <summary>The most that the best of n is away from the policy, in nats: log n - (n - 1) / n. It is the KL where scores have no ties (Stiennon 2020,
    /// appendix G.3; Beirami 2024 shows that it is a bound).</summary>
    public static double KlBound(int n) => Math.Log(n) - ((n - 1.0) / n);

    /// <summary>The n, not rounded, whose <see cref="KlBound"/> is a KL: at least 1, and 1e15 where it would be more.</summary>
    /// <param name="kl">Nats.</param>
    public static double AtKl(double kl)
    {
        var (low, high) = (0.0, Math.Log(1e15)); // of log n, in which the bound rises
        for (var halving = 0; halving < 64; halving++)
        {
            var middle = (low + high) / 2;
            (low, high) = middle - 1 + Math.Exp(-middle) < kl ? (middle, high) : (low, middle);
        }

        return Math.Exp(low);
    }
}
