using System.Runtime.Serialization;

namespace Rlhf.Stages.Ppo;

/// <summary>Where advantages come from.</summary>
public enum AdvantageEstimator
{
    /// <summary>A value network (Schulman 2015).</summary>
    Gae,

    /// <summary>An answer's reward less the mean of the answers to its prompt, by <c>deviation</c> (Shao 2024, GRPO).</summary>
    Group,

    /// <summary>An answer's reward less the mean of the other answers to its prompt (Ahmadian 2024, RLOO).</summary>
    LeaveOneOut,

    /// <summary>A token's rewards to come, whitened over all tokens of the step (Hu 2025, REINFORCE++).</summary>
    Batch,
}

/// <summary>What the differences within a group are divided by.</summary>
public enum RewardDeviation
{
    /// <summary>The group's standard deviation + 1e-4, which divides by G - 1 (Shao 2024).</summary>
    Group,

    /// <summary>The standard deviation of all rewards of the step + 1e-4.</summary>
    Batch,

    /// <summary>Nothing (Liu 2025, Dr. GRPO).</summary>
    None,
}

/// <summary>Where the KL penalty stands.</summary>
public enum KlPlace
{
    /// <summary>Taken off the rewards.</summary>
    Reward,

    /// <summary>A part of the loss, with a gradient of its own.</summary>
    Loss,
}

/// <summary>Settings of a paper.</summary>
public enum PpoPreset
{
    /// <summary>Shao 2024, DeepSeekMath.</summary>
    Grpo,

    /// <summary>Liu 2025: GRPO without its biases by length and difficulty.</summary>
    DrGrpo,

    /// <summary>Ahmadian 2024.</summary>
    Rloo,

    /// <summary>Hu 2025.</summary>
    [EnumMember(Value = "reinforce++")]
    ReinforcePlusPlus,

    /// <summary>Hu 2025, with the mean of the group as baseline.</summary>
    [EnumMember(Value = "reinforce++_baseline")]
    ReinforcePlusPlusBaseline,

    /// <summary>Yu 2025.</summary>
    Dapo,

    /// <summary>Zheng 2025.</summary>
    Gspo,

    /// <summary>MiniMax 2025.</summary>
    Cispo,
}

/// <summary>Soft punishment of answers near the token limit (Yu 2025, eq. 13): within the last tokens the reward falls by a straight line.</summary>
public sealed record OverlongOptions
{
    /// <summary>These last tokens as a share of <c>max_new_tokens</c> (the paper's 4,096 of 20,480).</summary>
    public double Share { get; init; } = 0.2;

    /// <summary>What the longest answer loses.</summary>
    public double Penalty { get; init; } = 1;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Require(Share is > 0 and <= 1, nameof(Share), FormattableString.Invariant($"must be above 0 and at most 1, found {Share}"));
        errors.Positive(Penalty);
    }
}
