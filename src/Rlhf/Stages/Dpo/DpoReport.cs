using Rlhf.Reports;
using Rlhf.Training;

namespace Rlhf.Stages.Dpo;

/// <summary>What preference optimisation shows of its results.</summary>
internal sealed class DpoReport : StageReport
{
    public override IReadOnlyList<FigureCard> Cards =>
    [
        new(AnswerMetrics.GoldScore, AnswerMetrics.SftGoldScore), new(DpoMetrics.HeldoutAccuracy), new(DpoMetrics.HeldoutChosenChange), new(AnswerMetrics.Kl),
    ];

    public override IReadOnlyList<Metric> MainFigures =>
    [
        TrainingMetrics.ValidationLoss, DpoMetrics.HeldoutAccuracy, DpoMetrics.HeldoutMargin, DpoMetrics.HeldoutChosenChange, DpoMetrics.HeldoutRejectedChange,
        AnswerMetrics.Kl, AnswerMetrics.ResponseLength, AnswerMetrics.EosShare, AnswerMetrics.DistinctShare,
    ];

    public override IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) =>
    [
        new("preferences", "What DPO learned", PreferencesSection.Draw(stages)),
        new("dpo-frontier", "KL–reward frontier of DPO", FrontierSection.Draw(stages, "dpo-frontier")),
        new("dpo-answers", "Answers of DPO", AnswersSection.Draw(stages, "dpo-answers")),
    ];

    public override Markup Table(IReadOnlyList<StageSummary> stages) => QualityTable.Draw(stages, "DPO");

    public override void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages) => QualityTable.Write(output, stages, "DPO");

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (stage.Of(DpoMetrics.HeldoutAccuracy) is { } accuracy)
        {
            var kl = stage.Of(AnswerMetrics.Kl) is { } figure ? $", at a KL of {NumberText.InSentence(figure.Value)} nats to SFT" : "";
            yield return $"DPO{round} prefers the better answer by its implicit reward in {NumberText.Percent(accuracy.Value)} {NumberText.IntervalOf(accuracy)} of the held-out comparisons{kl}.";
            if (accuracy.Low <= 0.5)
            {
                yield return $"{WarningPrefix}that is not clearly better than chance: DPO{round} has learned no preference that carries over to new prompts.";
            }
        }

        if (QualityTable.Compared(stage, AnswerMetrics.SftGoldScore, AnswerMetrics.GoldScore) is { } gold)
        {
            yield return $"By the gold rule, which knows the truth, the answers of DPO{round} {gold}.";
        }

        if (stage.Of(DpoMetrics.HeldoutChosenChange) is { High: < 0 } fall)
        {
            yield return $"DPO{round} made the better answers less probable, too: log p changed by {NumberText.Fixed(fall.Value, sign: true)}{Interval(fall)} nats a token on held-out ones.";
        }

        if (stage.Of(AnswerMetrics.EvaluationPrompts) is { Value: < FewPrompts } prompts && stage.Of(AnswerMetrics.EvaluationAnswers) is { } answers)
        {
            yield return ByPrompts($"DPO{round}", prompts.Value, answers.Value);
        }

        foreach (var sentence in BestOfSft.Sentences(stage, $"DPO{round}"))
        {
            yield return sentence;
        }

        foreach (var sentence in PolicySentences.OfAlarms(stage, round))
        {
            yield return sentence;
        }
    }
}
