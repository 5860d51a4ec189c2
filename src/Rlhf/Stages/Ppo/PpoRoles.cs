using Rlhf.Reports;
using Rlhf.Stages.Reward;

namespace Rlhf.Stages.Ppo;

/// <summary>Which model has which role in PPO.</summary>
/// <param name="Start">What the policy starts from.</param>
/// <param name="Reference">The SFT model, to which the policy is held.</param>
/// <param name="Reward">The reward model; null where a list of rewards stands in its place.</param>
/// <param name="ValueStart">What the value network starts from: the reward model, the first model of a list, or else the SFT model.</param>
/// <param name="SecondReward">A reward model that only checks; null without one.</param>
internal sealed record PpoRoles(ModelPlace Start, ModelPlace Reference, ModelPlace? Reward, ModelPlace ValueStart, ModelPlace? SecondReward)
{
    /// <summary>The roles of a stage.</summary>
    public static PpoRoles Of(StageContext context, PpoOptions options)
    {
        var reward = options.Rewards.Count > 0 ? null : context.Models.Reward ?? new ModelPlace(options.RewardModel!, options.RewardModel!);
        return new PpoRoles(
            context.Models.PolicyStart(options.StartFrom),
            context.Models.Supervised,
            reward,
            reward ?? options.Rewards.Select(source => StageRewards.PlaceOf(context, source)).FirstOrDefault(static place => place is not null)
                ?? context.Models.Supervised,
            SecondModelOptions.NewestOf(context));
    }

    /// <summary>The models with their hashes.</summary>
    public IReadOnlyList<ModelLink> Links() =>
    [
        StageTools.LinkTo(Start, "start"), StageTools.LinkTo(Reference, "reference"),
        .. Reward is null ? Array.Empty<ModelLink>() : [StageTools.LinkTo(Reward, "reward")],
        .. SecondReward is null ? Array.Empty<ModelLink>() : [StageTools.LinkTo(SecondReward, "second_reward")],
    ];
}
