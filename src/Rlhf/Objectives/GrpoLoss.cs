namespace Rlhf.Objectives;

/// <summary>How the token losses of GRPO become one number.</summary>
public enum GrpoAggregation
{
    /// <summary>Mean over answers of the mean over tokens (Shao 2024).</summary>
    SequenceMean,

    /// <summary>Sum over all tokens / number of tokens (DAPO, Yu 2025).</summary>
    TokenMean,

    /// <summary>Sum over all tokens / (answers * longest allowed answer) (Dr. GRPO, Liu 2025).</summary>
    FixedLength,
}

/// <summary>Settings of the GRPO loss.</summary>
public sealed record GrpoOptions
{
    /// <summary>The ratio is clipped below at 1 - this.</summary>
    public double ClipLow { get; init; } = 0.2;

    /// <summary>The ratio is clipped above at 1 + this.</summary>
    public double ClipHigh { get; init; } = 0.2;

    /// <summary>Coefficient of the k3 estimate of KL to the reference, a part of the loss.</summary>
    public double Beta { get; init; } = 0.04;

    /// <summary>How the token losses become one number.</summary>
    public GrpoAggregation Aggregation { get; init; } = GrpoAggregation.SequenceMean;

    /// <summary>Longest allowed answer in tokens; needed for <see cref="GrpoAggregation.FixedLength"/> only.</summary>
    public int? MaximumLength { get; init; }
}

/// <summary>What GRPO saw; parts of a batch are added up with <c>+</c>.</summary>
/// <param name="Loss">This part's share of the loss.</param>
/// <param name="Tokens">Tokens counted.</param>
/// <param name="KlSum">Sum over tokens of k3 to the reference.</param>
/// <param name="ClippedLow">Tokens with a negative advantage whose ratio lies below the clip range (no gradient from the surrogate).</param>
/// <param name="ClippedHigh">Tokens with a positive advantage whose ratio lies above the clip range.</param>
public readonly record struct GrpoStatistics(double Loss, long Tokens, double KlSum, long ClippedLow, long ClippedHigh)
{
    /// <summary>The statistics of two parts of one batch together.</summary>
    public static GrpoStatistics operator +(GrpoStatistics a, GrpoStatistics b) => new(
        a.Loss + b.Loss, a.Tokens + b.Tokens, a.KlSum + b.KlSum, a.ClippedLow + b.ClippedLow, a.ClippedHigh + b.ClippedHigh);
}

/// <summary>Group relative policy optimization (Shao 2024, eq. 3): per token -min(rho A, clip(rho) A) + beta k3(reference, new).</summary>
public static class GrpoLoss
{
    /// <summary>Loss and gradient of these answers as a part of the whole batch.</summary>
    /// <param name="newLogProbabilities">[N] log-probabilities under the policy being trained.</param>
    /// <param name="oldLogProbabilities">[N] log-probabilities at the time of the rollout.</param>
    /// <param name="referenceLogProbabilities">[N] log-probabilities under the frozen reference.</param>
    /// <param name="offsets">[B + 1] where each answer begins.</param>
    /// <param name="advantages">[B] advantage of each answer (<see cref="GroupAdvantages"/>).</param>
    /// <param name="totalRows">Answers of the whole batch.</param>
    /// <param name="totalTokens">Tokens of the whole batch.</param>
    /// <param name="options">Clipping, KL, aggregation.</param>
    /// <param name="gradient">[N] d loss / d new log-probability; replaced.</param>
    public static GrpoStatistics Compute(
        ReadOnlySpan<float> newLogProbabilities, ReadOnlySpan<float> oldLogProbabilities, ReadOnlySpan<float> referenceLogProbabilities,
        ReadOnlySpan<int> offsets, ReadOnlySpan<float> advantages, long totalRows, long totalTokens, GrpoOptions options, Span<float> gradient)
    {
        var count = newLogProbabilities.Length;
        PackedRows.Check(offsets, count);
        PackedRows.CheckLength(count, oldLogProbabilities.Length, nameof(oldLogProbabilities));
        PackedRows.CheckLength(count, referenceLogProbabilities.Length, nameof(referenceLogProbabilities));
        PackedRows.CheckLength(offsets.Length - 1, advantages.Length, nameof(advantages));
        PackedRows.CheckLength(count, gradient.Length, nameof(gradient));
        PackedRows.CheckDivisor(totalRows, nameof(totalRows));
        PackedRows.CheckDivisor(totalTokens, nameof(totalTokens));

        var statistics = default(GrpoStatistics);
        for (var row = 0; row < advantages.Length; row++)
        {
            double advantage = advantages[row];
            var divisor = Divisor(options, offsets[row + 1] - offsets[row], totalRows, totalTokens);
            for (var t = offsets[row]; t < offsets[row + 1]; t++)
            {
                double policy = newLogProbabilities[t], reference = referenceLogProbabilities[t];
                var ratio = Math.Exp(policy - oldLogProbabilities[t]);
                var (low, high) = (advantage < 0 && ratio < 1 - options.ClipLow, advantage > 0 && ratio > 1 + options.ClipHigh);
                var surrogate = -advantage * (low ? 1 - options.ClipLow : high ? 1 + options.ClipHigh : ratio);
                var slope = low || high ? 0 : surrogate;
                var kl = KlEstimators.Estimate(KlEstimator.K3, policy, reference);
                gradient[t] = (float)((slope + options.Beta * KlEstimators.Derivative(KlEstimator.K3, policy, reference)) / divisor);
                statistics += new GrpoStatistics((surrogate + options.Beta * kl) / divisor, 1, kl, low ? 1 : 0, high ? 1 : 0);
            }
        }

        return statistics;
    }

    private static double Divisor(GrpoOptions options, int length, long totalRows, long totalTokens) => options.Aggregation switch
    {
        GrpoAggregation.SequenceMean => (double)totalRows * length,
        GrpoAggregation.TokenMean => totalTokens,
        GrpoAggregation.FixedLength => (double)totalRows * (options.MaximumLength
            ?? throw new ArgumentException("Aggregation by a fixed length needs the longest allowed answer.", nameof(options))),
        _ => throw new ArgumentOutOfRangeException(nameof(options)),
    };
}
