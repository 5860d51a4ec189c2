namespace Rlhf.Training;

/// <summary>
/// Adaptive KL coefficient (Ziegler 2019, section 2.2): e = clip(KL / target - 1, -0.2, 0.2), beta becomes beta (1 + e n / horizon).
/// The coefficient is the whole state.
/// </summary>
/// <param name="Target">KL of an answer, in nats, that is aimed at.</param>
/// <param name="Horizon">Answers over which the coefficient adapts.</param>
public sealed record AdaptiveKl(double Target, double Horizon)
{
    private const double LargestError = 0.2;

    /// <summary>The coefficient for the next step.</summary>
    /// <param name="coefficient">The coefficient of this step.</param>
    /// <param name="observedKl">Mean KL of this step's answers (sum over tokens), in nats.</param>
    /// <param name="answers">Answers in this step.</param>
    public double Next(double coefficient, double observedKl, int answers)
    {
        var error = Math.Clamp(observedKl / Target - 1, -LargestError, LargestError);
        return coefficient * (1 + error * answers / Horizon);
    }
}
