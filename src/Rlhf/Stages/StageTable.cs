using Rlhf.Reports;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;

namespace Rlhf.Stages;

/// <summary>Which stage does what.</summary>
internal static class StageTable
{
    public static StageSummary Run(StageContext context) => context.Step.Kind switch
    {
        StageKind.Pretrain => SupervisedStage.Pretrain(context),
        StageKind.Sft => SupervisedStage.Sft(context),
        StageKind.Collect => CollectStage.Run(context),
        StageKind.Reward => RewardStage.Run(context),
        StageKind.Ppo => PpoStage.Run(context),
        _ => throw new ArgumentOutOfRangeException(nameof(context), context.Step.Kind, "Nobody does a stage of this kind."),
    };
}
