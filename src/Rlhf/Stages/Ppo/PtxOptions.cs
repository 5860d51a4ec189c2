namespace Rlhf.Stages.Ppo;

/// <summary>Pretraining gradients in PPO (Ouyang 2022, eq. 2, App. C.4).</summary>
public sealed record PtxOptions
{
    /// <summary>The paper's gamma: weight of the mean next-token loss of the pretraining text.</summary>
    public double Coefficient { get; init; } = 27.8;

    /// <summary>Pretraining sequences per rollout of a minibatch.</summary>
    public double BatchRatio { get; init; } = 8;

    /// <summary>Tokens of a pretraining sequence at most; <c>none</c>: the model's context length.</summary>
    public int? ContextTokens { get; init; }

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Positive(Coefficient);
        errors.Positive(BatchRatio);
        errors.Require(ContextTokens is null or > 1, nameof(ContextTokens), "must be above 1, or none");
    }
}
