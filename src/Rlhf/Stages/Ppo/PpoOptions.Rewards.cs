using Rlhf.Grading;

namespace Rlhf.Stages.Ppo;

public sealed partial record PpoOptions : IRewardList
{
    /// <summary>What answers are rewarded by, in the place of a reward model: rules, judges, programs, reward models (<c>docs/rewards.md</c>); empty: the
    /// recipe's reward model alone.</summary>
    public IReadOnlyList<RewardSourceOptions> Rewards { get; init; } = [];

    /// <summary>How the numbers of several rewards become one.</summary>
    public RewardCombination Combine { get; init; }

    /// <summary>With <c>combine: mean_minus_spread</c>: what the variance over the rewards is multiplied by (Coste 2023 for PPO).</summary>
    public double SpreadCoefficient { get; init; } = 0.1;

    /// <summary>Sets the best of 1, 4, 16, ... up to this many answers of the SFT model to each held-out prompt beside PPO: what its KL has to be worth;
    /// <c>none</c>: not.</summary>
    public int? BestOf { get; init; }

    private void ValidateRewardList(OptionErrors errors)
    {
        RewardList.Validate(this, errors);
        BestOfSft.Validate(BestOf, nameof(BestOf), errors);
    }
}
