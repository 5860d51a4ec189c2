using Rlhf.Reports;

namespace Rlhf.Stages.Distill;

/// <summary>What distillation shows of its results.</summary>
internal sealed class DistillReport : StageReport
{
    public override IReadOnlyList<FigureCard> Cards =>
        [new(AnswerMetrics.GoldScore, AnswerMetrics.SftGoldScore), new(DistillMetrics.TeacherKl, DistillMetrics.StartTeacherKl), new(AnswerMetrics.Kl)];

    public override IReadOnlyList<Metric> MainFigures =>
    [
        DistillMetrics.TeacherKl, DistillMetrics.StartTeacherKl, AnswerMetrics.Score, DistillMetrics.TeacherScore, AnswerMetrics.Kl,
        AnswerMetrics.ResponseLength, AnswerMetrics.EosShare, AnswerMetrics.DistinctShare,
    ];

    public override IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) =>
    [
        new("distill-frontier", "KL–reward frontier of distillation", FrontierSection.Draw(stages, "distill-frontier")),
        new("distill-answers", "Answers of student and teacher", AnswersSection.Draw(stages, "distill-answers")),
    ];

    public override Markup Table(IReadOnlyList<StageSummary> stages) => QualityTable.Draw(stages, "student");

    public override void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages) => QualityTable.Write(output, stages, "student");

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (stage.Of(DistillMetrics.TeacherKl) is { } kl && stage.Of(DistillMetrics.StartTeacherKl) is { } before)
        {
            yield return $"Distillation{round} brought the student from {NumberText.Fixed(before.Value)} to {NumberText.Fixed(kl.Value)} {NumberText.IntervalOf(kl)} nats a token of KL to its teacher, on its own answers to held-out prompts.";
            if (kl.Low >= before.Value)
            {
                yield return $"{WarningPrefix}the student is no nearer to its teacher than it was before.";
            }
        }

        if (stage.Of(AnswerMetrics.GoldScore) is { } gold && stage.Of(AnswerMetrics.SftGoldScore) is { } sft
            && stage.Of(DistillMetrics.TeacherGoldScore) is { } teacher)
        {
            yield return $"By the gold rule, which knows the truth, the student{round} has {NumberText.Fixed(gold.Value, sign: true)} {NumberText.IntervalOf(gold)}, SFT {NumberText.Fixed(sft.Value, sign: true)} and the teacher {NumberText.Fixed(teacher.Value, sign: true)} {NumberText.IntervalOf(teacher)}.";
        }

        if (stage.Of(AnswerMetrics.EvaluationPrompts) is { Value: < FewPrompts } prompts && stage.Of(AnswerMetrics.EvaluationAnswers) is { } answers)
        {
            yield return ByPrompts($"the student{round}", prompts.Value, answers.Value);
        }
    }
}
