namespace Rlhf.Evaluation;

/// <summary>Bounds beyond which a run warns that its policy drifts; a bound of <c>none</c> is not watched.</summary>
public record DriftAlarmOptions
{
    /// <summary>KL to the reference in nats per sequence.</summary>
    public double? Kl { get; init; } = 20;

    /// <summary>Change of the mean answer length as a share of what it was at first.</summary>
    public double? LengthChange { get; init; } = 0.5;

    /// <summary>Fall of the entropy per token as a share of what it was at first.</summary>
    public double? EntropyFall { get; init; } = 0.5;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public virtual void Validate(OptionErrors errors)
    {
        errors.Require(Kl is null or > 0, nameof(Kl), "must be above 0, or none");
        errors.Require(LengthChange is null or > 0, nameof(LengthChange), "must be above 0, or none");
        errors.Require(EntropyFall is null or > 0, nameof(EntropyFall), "must be above 0, or none");
    }
}

/// <summary>Bounds beyond which a PPO run warns; a bound of <c>none</c> is not watched.</summary>
public sealed record AlarmOptions : DriftAlarmOptions
{
    /// <summary>Steps over which the second reward model must fall while the first rises.</summary>
    public int? SecondModelWindow { get; init; } = 10;

    /// <summary>Standard deviation of a step's scores at or below which all of them count as equal.</summary>
    public double? ScoreSpread { get; init; } = 1e-6;

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Require(SecondModelWindow is null or > 1, nameof(SecondModelWindow), "must be above 1, or none");
        errors.Require(ScoreSpread is null or >= 0, nameof(ScoreSpread), "must be 0 or above, or none");
    }
}
