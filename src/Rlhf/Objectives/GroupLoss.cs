namespace Rlhf.Objectives;

/// <summary>Answers and what is known of their tokens: N tokens of B answers, one answer after another.</summary>
public readonly ref struct PolicyAnswers
{
    /// <summary>[N] log-probabilities under the policy being trained.</summary>
    public required ReadOnlySpan<float> LogProbabilities { get; init; }

    /// <summary>[N] log-probabilities that ratios are taken to.</summary>
    public required ReadOnlySpan<float> OldLogProbabilities { get; init; }

    /// <summary>[N] advantages; all tokens of an answer have the same where a ratio is an answer's.</summary>
    public required ReadOnlySpan<float> Advantages { get; init; }

    /// <summary>[B + 1] where each answer begins.</summary>
    public required ReadOnlySpan<int> Offsets { get; init; }

    /// <summary>[N] log-probabilities under the frozen reference; empty where no KL is in the loss.</summary>
    public ReadOnlySpan<float> ReferenceLogProbabilities { get; init; }

    /// <summary>[N] log-probabilities under the policy that sampled the answers; empty without importance weights.</summary>
    public ReadOnlySpan<float> SamplerLogProbabilities { get; init; }

    /// <summary>[N] entropies of the policy being trained; may be empty without an entropy bonus.</summary>
    public ReadOnlySpan<float> Entropies { get; init; }

    internal void Check(GroupLossOptions options, int gradients)
    {
        var count = LogProbabilities.Length;
        PackedRows.Check(Offsets, count);
        PackedRows.CheckLength(count, OldLogProbabilities.Length, nameof(OldLogProbabilities));
        PackedRows.CheckLength(count, Advantages.Length, nameof(Advantages));
        PackedRows.CheckLength(count, gradients, "gradient");
        PackedRows.CheckLength(options.KlCoefficient != 0 ? count : ReferenceLogProbabilities.Length, ReferenceLogProbabilities.Length,
            nameof(ReferenceLogProbabilities));
        PackedRows.CheckLength(options.ImportanceCap is null ? SamplerLogProbabilities.Length : count, SamplerLogProbabilities.Length,
            nameof(SamplerLogProbabilities));
        PackedRows.CheckLength(Entropies.IsEmpty && options.EntropyCoefficient == 0 ? 0 : count, Entropies.Length, nameof(Entropies));
        if (options is { ImportanceCap: not null, ImportanceOfAnswers: false } && options.IsOfAnswers)
        {
            throw new ArgumentException("Where a ratio is an answer's, an importance weight is, too.", nameof(options));
        }
    }
}

/// <summary>
/// The policy loss of answers that are compared with one another: GRPO (Shao 2024, eq. 3), Dr. GRPO, DAPO, GSPO, CISPO, RLOO, REINFORCE++ are settings of it.
/// A loss is the aggregate over tokens of importance weight x surrogate + KL - entropy bonus.
/// </summary>
public static class GroupLoss
{
    /// <summary>Loss and gradients of these answers as a part of the whole batch.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="totals">Of the whole batch.</param>
    /// <param name="options">Which loss.</param>
    /// <param name="gradient">[N] d loss / d new log-probability; replaced.</param>
    /// <param name="entropyGradient">[N] d loss / d entropy; replaced. Empty where nobody asks.</param>
    public static GroupLossStatistics Compute(
        PolicyAnswers answers, GroupTotals totals, GroupLossOptions options, Span<float> gradient, Span<float> entropyGradient = default)
    {
        answers.Check(options, gradient.Length);
        PackedRows.CheckDivisor(totals.Answers, nameof(totals));
        PackedRows.CheckDivisor(totals.Tokens, nameof(totals));
        var statistics = default(GroupLossStatistics);
        for (var row = 0; row + 1 < answers.Offsets.Length; row++)
        {
            var (from, to) = (answers.Offsets[row], answers.Offsets[row + 1]);
            var answer = new AnswerTerms(answers, from, to, options);
            var divisor = options.Divisor(to - from, totals);
            for (var t = from; t < to; t++)
            {
                var (term, logRatio) = answer.At(t);
                var (weight, exceeds) = answer.WeightAt(t);
                var (kl, klSlope) = KlAt(answers, t, options);
                gradient[t] = (float)(((weight * term.Slope) + (options.KlCoefficient * klSlope)) / divisor);
                var entropy = answers.Entropies.IsEmpty ? 0 : answers.Entropies[t];
                var loss = ((weight * term.Loss) + (options.KlCoefficient * kl) - (options.EntropyCoefficient * entropy)) / divisor;
                statistics += new GroupLossStatistics(
                    PpoPolicyStatistics.OfToken(
                        logRatio, term.Loss, term.Side, term.Bounded, options.ClipLow, options.ClipHigh, entropy, options.EntropyCoefficient),
                    loss, kl, weight, exceeds ? 1 : 0);
            }

            if (!entropyGradient.IsEmpty)
            {
                entropyGradient[from..to].Fill((float)(-options.EntropyCoefficient / divisor));
            }
        }

        return statistics;
    }

    /// <summary>Importance weight exp(old - sampler) below its bound. It has no gradient, and is exactly 1 where both are the same policy.</summary>
    internal static (double Weight, bool Exceeds) Weight(double logWeight, GroupLossOptions options)
    {
        var weight = Math.Exp(logWeight);
        var exceeds = weight > options.ImportanceCap;
        return (exceeds ? options.ImportanceExcess == ImportanceExcess.Mask ? 0 : options.ImportanceCap!.Value : weight, exceeds);
    }

    private static (double Estimate, double Slope) KlAt(PolicyAnswers answers, int t, GroupLossOptions options)
    {
        if (options.KlCoefficient == 0)
        {
            return (0, 0);
        }

        double policy = answers.LogProbabilities[t], reference = answers.ReferenceLogProbabilities[t];
        return (KlEstimators.Estimate(options.KlEstimator, policy, reference), KlEstimators.Derivative(options.KlEstimator, policy, reference));
    }
}
