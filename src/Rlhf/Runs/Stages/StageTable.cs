using Rlhf.Reporting;

namespace Rlhf.Runs.Stages;

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
