namespace Rlhf.Objectives;

/// <summary>
/// Generalized advantage estimation (Schulman 2015, eq. 16): delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lambda A_{t+1};
/// V and A are 0 after a row's last token. Returns are A + V, from A before any whitening.
/// </summary>
public static class GeneralizedAdvantage
{
    /// <summary>Advantages and returns of all rows.</summary>
    /// <param name="rewards">[N] reward per token.</param>
    /// <param name="values">[N] value of the state in which each token was chosen, at the time of the rollout.</param>
    /// <param name="offsets">[B + 1] where each row begins.</param>
    /// <param name="gamma">Discount.</param>
    /// <param name="lambda">Weight of long sums against the value network: 1 = all rewards to come, 0 = one step.</param>
    /// <param name="advantages">[N] advantages.</param>
    /// <param name="returns">[N] what the value network is to predict.</param>
    public static void Compute(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<int> offsets, double gamma, double lambda,
        Span<float> advantages, Span<float> returns)
    {
        PackedRows.Check(offsets, rewards.Length);
        PackedRows.CheckLength(rewards.Length, values.Length, nameof(values));
        PackedRows.CheckLength(rewards.Length, advantages.Length, nameof(advantages));
        PackedRows.CheckLength(rewards.Length, returns.Length, nameof(returns));

        for (var row = 0; row + 1 < offsets.Length; row++)
        {
            double advantage = 0, nextValue = 0;
            for (var t = offsets[row + 1] - 1; t >= offsets[row]; t--)
            {
                double value = values[t];
                advantage = rewards[t] + gamma * nextValue - value + gamma * lambda * advantage;
                advantages[t] = (float)advantage;
                returns[t] = (float)(advantage + value);
                nextValue = value;
            }
        }
    }
}
