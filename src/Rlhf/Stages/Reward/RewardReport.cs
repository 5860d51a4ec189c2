using Rlhf.Reports;
using Rlhf.Training;

namespace Rlhf.Stages.Reward;

/// <summary>What the reward stage shows of its results.</summary>
internal sealed class RewardReport : StageReport
{
    public override IReadOnlyList<FigureCard> Cards => [new(RewardMetrics.Accuracy)];

    public override IReadOnlyList<Metric> MainFigures =>
    [
        TrainingMetrics.ValidationLoss, RewardMetrics.Accuracy, RewardMetrics.SimilarLengthAccuracy, RewardMetrics.SimilarLengthLongerWins,
        RewardMetrics.UnseenLabelerAccuracy, RewardMetrics.UnseenLabelerAgreement, RewardMetrics.SecondAccuracy,
    ];

    public override IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) =>
        [new("trust", "Trust in the reward model", TrustSection.Draw(stages))];

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (stage.Of(RewardMetrics.Accuracy) is { } accuracy)
        {
            var interval = NumberText.IntervalOf(accuracy with { Unit = "share" });
            var baselines = stage.Trust is { } trust
                ? $" (the longer answer wins: {NumberText.Percent(trust.LongerWins.Value)}, the shorter: {NumberText.Percent(trust.ShorterWins.Value)})"
                : "";
            yield return $"The reward model{round} orders {NumberText.Percent(accuracy.Value)}{(interval.Length > 0 ? " " : "")}{interval} of the held-out pairs as the labeler did{baselines}.";
        }

        if (stage.Trust is { Prompts: < FewPrompts } few)
        {
            yield return ByPrompts($"The reward model{round}", few.Prompts, few.Answers);
        }

        if (stage.Trust is { } report && report.Accuracy.Low <= Math.Max(0.5, Math.Max(report.LongerWins.Value, report.ShorterWins.Value)))
        {
            yield return $"{WarningPrefix}the reward model{round} is not clearly better than chance or than judging by length; what PPO gains by it means little.";
        }

        foreach (var alarm in stage.Alarms)
        {
            yield return $"{WarningPrefix}{Clause(alarm.Message)}.";
        }
    }
}
