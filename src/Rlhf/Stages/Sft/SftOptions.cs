using Rlhf.Data;
using Rlhf.Training;

namespace Rlhf.Stages.Sft;

/// <summary>Step 1, supervised fine-tuning on demonstrations. Defaults: InstructGPT (Ouyang 2022, App. C.1) where it gives one.</summary>
public sealed record SftOptions : SupervisedOptions
{
    /// <summary>InstructGPT's settings.</summary>
    public SftOptions()
    {
        Epochs = 16;
        LearningRate = 9.65e-6;
        Dropout = 0.2;
    }

    /// <summary>Who gives the demonstrations: <c>people</c> write answers to <c>data.prompts</c> in the browser (<c>rlhf label</c>, see <c>people</c>);
    /// <c>none</c>: they are in <c>data.demonstrations</c>.</summary>
    public string? Demonstrations { get; init; }

    /// <summary>With <c>demonstrations: people</c>: how they are asked.</summary>
    public WritersOptions? People { get; init; }

    /// <summary>Which turns of the assistant are trained, each as an example of its own with everything before it as its prompt: <c>all</c> or
    /// <c>last</c>.</summary>
    public TrainedTurns TrainOn { get; init; } = TrainedTurns.All;

    /// <summary>Whether the tokens of prompts count in the loss, too.</summary>
    public bool TrainOnPrompt { get; init; }

    /// <summary>NEFTune (Jain 2023): uniform noise of alpha / sqrt(T C) on the embeddings while training; 0: none.</summary>
    public double NeftuneAlpha { get; init; }

    /// <summary>The reward model that chooses among the epochs with <c>keep_best: reward</c>: a model folder or a name on the hub.</summary>
    public string? RewardModel { get; init; }

    /// <summary>Held-out prompts that are answered and scored at each evaluation with <c>keep_best: reward</c>, at most.</summary>
    public int RewardPrompts { get; init; } = 128;

    /// <summary>Such an answer is cut after this many tokens.</summary>
    public int RewardMaxNewTokens { get; init; } = 256;

    /// <summary>Limits on the length of demonstrations and what becomes of longer ones; the model's context length always limits.</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>How people are asked for demonstrations; null where they are not.</summary>
    internal WritersOptions? Writers => Demonstrations == WritersOptions.Word ? People ?? new WritersOptions() : null;

    internal override double EmbeddingNoise => NeftuneAlpha;

    /// <inheritdoc/>
    public override void Validate(OptionErrors errors)
    {
        base.Validate(errors);
        errors.Require(Demonstrations is null or WritersOptions.Word, nameof(Demonstrations),
            $"must be {WritersOptions.Word}, or none; files of demonstrations are named in data.demonstrations");
        errors.Require(Demonstrations is not null || People is null, nameof(People), $"has no effect without demonstrations: {WritersOptions.Word}");
        People?.Validate(errors.Below(nameof(People)));
        errors.NotNegative(NeftuneAlpha);
        errors.Require(KeepBest != KeepBest.Reward || RewardModel is not null, nameof(RewardModel), "keep_best: reward needs a reward model's folder here");
        errors.NoEffect(KeepBest == KeepBest.Reward, nameof(RewardModel), "without keep_best: reward");
        errors.NoEffect(KeepBest == KeepBest.Reward, nameof(RewardPrompts), "without keep_best: reward");
        errors.NoEffect(KeepBest == KeepBest.Reward, nameof(RewardMaxNewTokens), "without keep_best: reward");
        errors.Require(RewardPrompts >= 2, nameof(RewardPrompts),
            FormattableString.Invariant($"must be at least 2, as an interval needs two prompts, found {RewardPrompts}"));
        errors.Positive(RewardMaxNewTokens);
        Limits.Validate(errors.Below(nameof(Limits)));
    }
}
