namespace Rlhf.Objectives;

/// <summary>Estimators of the KL divergence from one sampled token (Schulman 2020, "Approximating KL divergence"), l = log ref - log policy.</summary>
public enum KlEstimator
{
    /// <summary>-l: unbiased, may be negative; InstructGPT's.</summary>
    K1,

    /// <summary>l^2 / 2: biased, small variance.</summary>
    K2,

    /// <summary>e^l - 1 - l: unbiased, never negative.</summary>
    K3,
}

/// <summary>
/// KL(policy || reference) per token. The reference is the frozen SFT model, not the policy of the last rollout; which numbers are
/// which is the caller's to get right, and the parameters' order says it.
/// </summary>
public static class KlEstimators
{
    /// <summary>The estimate for one token.</summary>
    public static double Estimate(KlEstimator estimator, double policyLogProbability, double referenceLogProbability)
    {
        var l = referenceLogProbability - policyLogProbability;
        return estimator switch
        {
            KlEstimator.K1 => -l,
            KlEstimator.K2 => 0.5 * l * l,
            KlEstimator.K3 => Math.Exp(l) - 1 - l,
            _ => throw new ArgumentOutOfRangeException(nameof(estimator)),
        };
    }

    /// <summary>d estimate / d policy log-probability of one token: 1, -l, 1 - e^l.</summary>
    public static double Derivative(KlEstimator estimator, double policyLogProbability, double referenceLogProbability)
    {
        var l = referenceLogProbability - policyLogProbability;
        return estimator switch
        {
            KlEstimator.K1 => 1,
            KlEstimator.K2 => -l,
            KlEstimator.K3 => 1 - Math.Exp(l),
            _ => throw new ArgumentOutOfRangeException(nameof(estimator)),
        };
    }

    /// <summary>The estimate for every token.</summary>
    /// <param name="estimator">Which estimator.</param>
    /// <param name="policy">[N] log-probabilities under the policy that sampled the tokens.</param>
    /// <param name="reference">[N] log-probabilities of the same tokens under the reference.</param>
    /// <param name="destination">[N] the estimates.</param>
    public static void PerToken(KlEstimator estimator, ReadOnlySpan<float> policy, ReadOnlySpan<float> reference, Span<float> destination)
    {
        PackedRows.CheckLength(policy.Length, reference.Length, nameof(reference));
        PackedRows.CheckLength(policy.Length, destination.Length, nameof(destination));
        for (var i = 0; i < policy.Length; i++)
        {
            destination[i] = (float)Estimate(estimator, policy[i], reference[i]);
        }
    }

    /// <summary>Sum over tokens of log policy - log reference: an answer's log-ratio, and k1 of the whole answer.</summary>
    /// <param name="policy">[N] log-probabilities under the policy.</param>
    /// <param name="reference">[N] log-probabilities of the same tokens under the reference.</param>
    public static double LogRatio(ReadOnlySpan<float> policy, ReadOnlySpan<float> reference)
    {
        double sum = 0;
        for (var i = 0; i < policy.Length; i++)
        {
            sum += (double)policy[i] - reference[i];
        }

        return sum;
    }

    /// <summary>Mean over rows of each row's sum: the KL of whole answers, in nats.</summary>
    /// <param name="kl">[N] estimates per token.</param>
    /// <param name="offsets">[B + 1] where each row begins.</param>
    public static double SequenceMean(ReadOnlySpan<float> kl, ReadOnlySpan<int> offsets)
    {
        PackedRows.Check(offsets, kl.Length);
        return Sum(kl) / (offsets.Length - 1);
    }

    /// <summary>Mean over tokens, in nats.</summary>
    /// <param name="kl">[N] estimates per token.</param>
    public static double TokenMean(ReadOnlySpan<float> kl)
    {
        PackedRows.CheckDivisor(kl.Length, nameof(kl));
        return Sum(kl) / kl.Length;
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }
}
