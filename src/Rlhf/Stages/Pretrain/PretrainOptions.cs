using Rlhf.Training;

namespace Rlhf.Stages.Pretrain;

/// <summary>Next-token training on plain text: every token counts.</summary>
public sealed record PretrainOptions : SupervisedOptions
{
    /// <summary>Settings for a small model from scratch.</summary>
    public PretrainOptions()
    {
        LearningRate = 1e-3;
        WarmUpFraction = 0.02;
        FinalLearningRateFraction = 0.1;
        Adam = new AdamOptions { WeightDecay = 0.1 };
    }

    /// <summary>Documents are cut into pieces of this many tokens; <c>none</c>: the model's context length.</summary>
    public int? ContextTokens { get; init; }

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Require(ContextTokens is null or > 1, nameof(ContextTokens), "must be above 1, or none");
        errors.Require(KeepBest != KeepBest.Reward, nameof(KeepBest), "pretrain keeps by validation_loss or none");
    }
}
