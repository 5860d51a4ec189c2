namespace Rlhf.Stages.Ppo;

/// <summary>Ziegler 2019: beta is multiplied by 1 + clip(KL/target - 1, -0.2, 0.2) x rollouts / horizon after each step.</summary>
public sealed record AdaptiveKlOptions
{
    /// <summary>KL to hold, in nats per sequence.</summary>
    public double Target { get; init; } = 6;

    /// <summary>Rollouts in which beta may change by 20 %.</summary>
    public double Horizon { get; init; } = 10000;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Positive(Target);
        errors.Positive(Horizon);
    }
}
