using Rlhf.Reports;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>What a stage of next-token training shows of its results.</summary>
/// <param name="name">What it is called in a sentence.</param>
internal sealed class SupervisedReport(string name) : StageReport
{
    public override IReadOnlyList<FigureCard> Cards => [new(TrainingMetrics.ValidationLoss, TrainingMetrics.ValidationLossBefore)];

    public override IReadOnlyList<Metric> MainFigures => [TrainingMetrics.ValidationLoss];

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (stage.Of(TrainingMetrics.ValidationLoss) is { } loss)
        {
            var now = NumberText.InSentence(loss.Value);
            yield return stage.Of(TrainingMetrics.ValidationLossBefore) is not { } before ? $"{name} ended at a held-out loss of {now} nats per token."
                : NumberText.InSentence(before.Value) is var then && then == now ? $"{name} did not move the held-out loss of {now} nats per token."
                : $"{name} {(loss.Value < before.Value ? "lowered" : "raised")} the held-out loss from {then} to {now} nats per token.";
        }

        foreach (var alarm in stage.Alarms)
        {
            yield return $"{WarningPrefix}{Clause(alarm.Message)} ({name}, step {alarm.Step}).";
        }
    }
}
