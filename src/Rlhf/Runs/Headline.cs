using Rlhf.Reports;

namespace Rlhf.Runs;

/// <summary>Says in plain English what came out of a run. Sentences that begin with <see cref="StageReport.WarningPrefix"/> are warnings.</summary>
public static class Headline
{
    /// <summary>The sentences, what matters most (the last PPO) first, warnings directly behind what they speak of.</summary>
    public static IReadOnlyList<string> Sentences(IReadOnlyList<StageSummary> stages)
    {
        var round = stages.Any(static stage => stage.Round > 1);
        var order = StageList.All.Where(static stage => stage.Repeats).Reverse()
            .SelectMany(kind => stages.Where(stage => stage.Kind == kind.Name).Reverse().Select(stage => (kind, stage)))
            .Concat(StageList.All.Where(static stage => !stage.Repeats)
                .SelectMany(kind => stages.Where(stage => stage.Kind == kind.Name).Select(stage => (kind, stage))));
        return [.. order.SelectMany(pair => pair.kind.Report.Sentences(pair.stage, round ? $" in round {pair.stage.Round}" : ""))];
    }
}
