namespace Rlhf.Objectives;

/// <summary>
/// PPO's clipped surrogate (Schulman 2017, eq. 7): mean over response tokens of max(-A rho, -A clip(rho, 1 - c, 1 + c)),
/// rho = exp(new - old), minus the entropy bonus.
/// </summary>
public static class PpoPolicyLoss
{
    /// <summary>Gradients of these tokens as a part of a minibatch, and sums from which loss and statistics follow.</summary>
    /// <param name="newLogProbabilities">[N] log-probabilities under the policy being trained.</param>
    /// <param name="oldLogProbabilities">[N] log-probabilities at the time of the rollout.</param>
    /// <param name="advantages">[N] (whitened) advantages.</param>
    /// <param name="entropies">[N] entropies of the policy being trained; only counted, and may be empty without an entropy bonus.</param>
    /// <param name="totalTokens">Response tokens of the whole minibatch.</param>
    /// <param name="clipRange">The ratio is clipped to [1 - range, 1 + range] (Schulman 2017).</param>
    /// <param name="dualClip">Dual clip (Ye 2020): with a negative advantage the loss of a token is at most -A times this (above 1); null for no bound.</param>
    /// <param name="entropyCoefficient">Coefficient of the entropy bonus, which is taken off the loss; 0 for none.</param>
    /// <param name="gradient">[N] d loss / d new log-probability; replaced.</param>
    /// <param name="entropyGradient">d loss / d entropy, the same for every token: -coefficient / totalTokens.</param>
    /// <param name="clipHigh">The upper bound's distance from 1 where it is another (Yu 2025); null: <paramref name="clipRange"/>.</param>
    public static PpoPolicyStatistics Compute(
        ReadOnlySpan<float> newLogProbabilities, ReadOnlySpan<float> oldLogProbabilities, ReadOnlySpan<float> advantages, ReadOnlySpan<float> entropies,
        long totalTokens, double clipRange, double? dualClip, double entropyCoefficient, Span<float> gradient, out float entropyGradient,
        double? clipHigh = null)
    {
        var count = newLogProbabilities.Length;
        PackedRows.CheckDivisor(totalTokens, nameof(totalTokens));
        PackedRows.CheckLength(count, oldLogProbabilities.Length, nameof(oldLogProbabilities));
        PackedRows.CheckLength(count, advantages.Length, nameof(advantages));
        PackedRows.CheckLength(count, gradient.Length, nameof(gradient));
        if (!entropies.IsEmpty || entropyCoefficient != 0)
        {
            PackedRows.CheckLength(count, entropies.Length, nameof(entropies));
        }

        var high = clipHigh ?? clipRange;
        var statistics = default(PpoPolicyStatistics);
        for (var i = 0; i < count; i++)
        {
            var logRatio = (double)newLogProbabilities[i] - oldLogProbabilities[i];
            var term = PolicySurrogates.Clip(Math.Exp(logRatio), advantages[i], clipRange, high, dualClip);
            gradient[i] = (float)(term.Slope / totalTokens);
            statistics += PpoPolicyStatistics.OfToken(
                logRatio, term.Loss, term.Side, term.Bounded, clipRange, high, entropies.IsEmpty ? 0 : entropies[i], entropyCoefficient);
        }

        entropyGradient = (float)(-entropyCoefficient / totalTokens);
        return statistics;
    }
}
