namespace Rlhf.Objectives;

/// <summary>
/// PPO's value loss: 0.5 * mean over response tokens of max((v - R)^2, (clip(v, v_old - c, v_old + c) - R)^2), the form of
/// Ziegler's code.
/// </summary>
public static class PpoValueLoss
{
    /// <summary>Gradients of these tokens as a part of a minibatch, and sums from which loss and statistics follow.</summary>
    /// <param name="newValues">[N] values of the network being trained.</param>
    /// <param name="oldValues">[N] values at the time of the rollout.</param>
    /// <param name="returns">[N] targets (<see cref="GeneralizedAdvantage"/>).</param>
    /// <param name="clipRange">How far a value may move from the old one; none for no clipping.</param>
    /// <param name="coefficient">Factor of the gradient (0.1 where policy and value share a trunk).</param>
    /// <param name="totalTokens">Response tokens of the whole minibatch.</param>
    /// <param name="gradient">[N] d (coefficient * loss) / d new value; replaced.</param>
    public static PpoValueStatistics Compute(
        ReadOnlySpan<float> newValues, ReadOnlySpan<float> oldValues, ReadOnlySpan<float> returns, double? clipRange, double coefficient,
        long totalTokens, Span<float> gradient)
    {
        var count = newValues.Length;
        PackedRows.CheckDivisor(totalTokens, nameof(totalTokens));
        PackedRows.CheckLength(count, oldValues.Length, nameof(oldValues));
        PackedRows.CheckLength(count, returns.Length, nameof(returns));
        PackedRows.CheckLength(count, gradient.Length, nameof(gradient));

        var range = clipRange ?? double.PositiveInfinity;
        var statistics = default(PpoValueStatistics);
        for (var i = 0; i < count; i++)
        {
            double value = newValues[i], old = oldValues[i], target = returns[i];
            var error = value - target;
            var clippedError = Math.Clamp(value, old - range, old + range) - target;
            var clipped = clippedError * clippedError > error * error;
            // The clipped term is strictly larger only where the clip holds the value, so it is a constant there.
            gradient[i] = clipped ? 0 : (float)(coefficient * error / totalTokens);
            statistics += PpoValueStatistics.OfToken(
                value, old, target, clipped ? clippedError : error, clipped, outside: Math.Abs(value - old) > range);
        }

        return statistics;
    }
}
