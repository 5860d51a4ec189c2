using Rlhf.Grading;
using Rlhf.Reports;
using Rlhf.Training;

namespace Rlhf.Stages.Rejection;

/// <summary>What the rejection stage shows of its results.</summary>
internal sealed class RejectionReport : StageReport
{
    public override IReadOnlyList<FigureCard> Cards =>
    [
        new(RejectionMetrics.BestScore, RejectionMetrics.MeanScore), new(AnswerMetrics.GoldScore, AnswerMetrics.SftGoldScore),
        new(AnswerMetrics.Score, AnswerMetrics.SftScore), new(AnswerMetrics.SecondScore, AnswerMetrics.SftSecondScore), new(AnswerMetrics.Kl),
    ];

    public override IReadOnlyList<Metric> MainFigures =>
    [
        RejectionMetrics.MeanScore, RejectionMetrics.BestScore, RejectionMetrics.Chosen, RejectionMetrics.KlBound, TrainingMetrics.TrainLoss,
        AnswerMetrics.ScoreGain, AnswerMetrics.Kl, AnswerMetrics.ResponseLength, AnswerMetrics.EosShare, AnswerMetrics.DistinctShare,
    ];

    public override IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) =>
    [
        new("rejection-frontier", "KL–reward frontier of rejection sampling", FrontierSection.Draw(stages, "rejection-frontier")),
        new("rejection-answers", "Answers after rejection sampling", AnswersSection.Draw(stages, "rejection-answers")),
    ];

    public override Markup Table(IReadOnlyList<StageSummary> stages) => QualityTable.Draw(stages, "rejection");

    public override void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages) => QualityTable.Write(output, stages, "rejection");

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        string Of(Metric metric) => NumberText.Short(stage.Figures[metric.Key].Value);
        string Score(Metric metric) => NumberText.Fixed(stage.Figures[metric.Key].Value);
        if (stage.Of(RejectionMetrics.BestScore) is not null)
        {
            var n = Of(RejectionMetrics.AnswersPerPrompt);
            yield return $"Rejection sampling{round} trained on {Of(RejectionMetrics.Chosen)} answers, the best of {n} to each of {Of(RejectionMetrics.Prompts)} prompts: their mean score is {Score(RejectionMetrics.ChosenScore)}, that of all answers {Score(RejectionMetrics.MeanScore)}; the best of {n} is at most {Score(RejectionMetrics.KlBound)} nats away from the policy that was sampled.";
        }

        foreach (var sentence in PolicySentences.Of(stage, "Rejection sampling", round).Concat(PolicySentences.OfAlarms(stage, round)))
        {
            yield return sentence;
        }

        if (stage.Of(GradingMetrics.JudgeUnreadable) is { Value: > 0 } unreadable)
        {
            yield return $"{NumberText.Short(unreadable.Value)} marks of the judge could not be read and count as the lowest.";
        }
    }
}
