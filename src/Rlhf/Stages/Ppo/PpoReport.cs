using Rlhf.Reports;

namespace Rlhf.Stages.Ppo;

/// <summary>What PPO shows of its results.</summary>
internal sealed class PpoReport : StageReport
{
    public override IReadOnlyList<FigureCard> Cards =>
    [
        new(AnswerMetrics.GoldScore, AnswerMetrics.SftGoldScore), new(AnswerMetrics.Score, AnswerMetrics.SftScore),
        new(AnswerMetrics.SecondScore, AnswerMetrics.SftSecondScore), new(AnswerMetrics.Kl), new(AnswerMetrics.WinRate), new(AnswerMetrics.EosShare),
    ];

    public override IReadOnlyList<Metric> MainFigures =>
        [AnswerMetrics.ScoreGain, AnswerMetrics.WinRate, AnswerMetrics.Kl, AnswerMetrics.ResponseLength, AnswerMetrics.EosShare, AnswerMetrics.DistinctShare];

    public override Metric? WorstOf => PpoMetrics.LogprobDifference;

    public override IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) =>
    [
        new("learned", "What PPO learned", LearnedSection.Draw(stages)),
        new("frontier", "KL–reward frontier", FrontierSection.Draw(stages, "frontier")),
        new("answers", "Answers", AnswersSection.Draw(stages)),
    ];

    public override IEnumerable<string> Sentences(StageSummary stage, string round) =>
        [.. PolicySentences.Of(stage, "PPO", round), .. PolicySentences.OfAlarms(stage, round)];

    public override Markup Table(IReadOnlyList<StageSummary> stages) => QualityTable.Draw(stages, "PPO");

    public override void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages) => QualityTable.Write(output, stages, "PPO");
}
