using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Pretrain;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;

namespace Rlhf.Runs;

/// <summary>All stages, in the order in which a run does them.</summary>
public static class StageList
{
    /// <summary>The list.</summary>
    public static IReadOnlyList<IStage> All { get; } = [new PretrainStage(), new SftStage(), new CollectStage(), new RewardStage(), new PpoStage()];

    /// <summary>The names of all stages, for people.</summary>
    public static string Names => string.Join(", ", All.Select(static stage => stage.Name));
}
