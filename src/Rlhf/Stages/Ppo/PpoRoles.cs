using Rlhf.Reports;
using Rlhf.Stages.Reward;

namespace Rlhf.Stages.Ppo;

/// <summary>Which model has which role in PPO.</summary>
/// <param name="Start">What the policy starts from.</param>
/// <param name="Reference">The SFT model, to which the policy is held.</param>
/// <param name="Reward">The reward model, from which the value network starts too.</param>
/// <param name="SecondReward">A reward model that only checks; null without one.</param>
internal sealed record PpoRoles(ModelPlace Start, ModelPlace Reference, ModelPlace Reward, ModelPlace? SecondReward)
{
    /// <summary>The roles of a stage.</summary>
    public static PpoRoles Of(StageContext context, PpoOptions options) => new(
        options.StartFrom == PolicyStart.Previous ? context.Models.Policy : context.Models.Supervised,
        context.Models.Supervised,
        context.Models.Reward ?? new ModelPlace(options.RewardModel!, options.RewardModel!),
        context.Recipe.Find<RewardOptions>()?.SecondModel is null ? null : context.Models.SecondReward);

    /// <summary>The models with their hashes.</summary>
    public IReadOnlyList<ModelLink> Links() =>
    [
        StageTools.LinkTo(Start, "start"), StageTools.LinkTo(Reference, "reference"), StageTools.LinkTo(Reward, "reward"),
        .. SecondReward is null ? Array.Empty<ModelLink>() : [StageTools.LinkTo(SecondReward, "second_reward")],
    ];
}
