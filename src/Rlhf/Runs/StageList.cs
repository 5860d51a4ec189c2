using Rlhf.Reports;
using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Distill;
using Rlhf.Stages.Dpo;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Pretrain;
using Rlhf.Stages.Rejection;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;

namespace Rlhf.Runs;

/// <summary>All stages, in the order in which a run does them.</summary>
public static class StageList
{
    /// <summary>The list.</summary>
    public static IReadOnlyList<IStage> All { get; } =
    [
        new PretrainStage(), new SftStage(), new CollectStage(), new RewardStage(), new DpoStage(), new RejectionStage(), new DistillStage(), new PpoStage(),
    ];

    /// <summary>What stages of a kind show; null for a kind of another version of the program.</summary>
    internal static StageReport? ReportOf(string kind) => All.FirstOrDefault(stage => stage.Name == kind)?.Report;

    /// <summary>What each kind of stage shows, the last stage first.</summary>
    internal static IReadOnlyList<(string Kind, StageReport Report)> Reports { get; } = [.. All.Reverse().Select(static stage => (stage.Name, stage.Report))];

    /// <summary>The names of all stages, for people.</summary>
    public static string Names => string.Join(", ", All.Select(static stage => stage.Name));
}
