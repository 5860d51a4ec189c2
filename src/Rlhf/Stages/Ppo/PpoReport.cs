using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Reports;

namespace Rlhf.Stages.Ppo;

/// <summary>What PPO shows of its results.</summary>
internal sealed class PpoReport : StageReport
{
    private const double Unmoved = 0.005; // what two decimals show as 0.00

    public override IReadOnlyList<FigureCard> Cards =>
    [
        new(AnswerMetrics.GoldScore, AnswerMetrics.SftGoldScore), new(AnswerMetrics.Score, AnswerMetrics.SftScore),
        new(PpoMetrics.SecondScore, PpoMetrics.SftSecondScore), new(AnswerMetrics.Kl), new(AnswerMetrics.WinRate), new(AnswerMetrics.EosShare),
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

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (Gain(stage) is { } gain)
        {
            var kl = stage.Of(AnswerMetrics.Kl) is { } figure ? $" at a KL of {NumberText.InSentence(figure.Value)} nats" : "";
            yield return $"PPO{round} {gain}{kl}.";
        }

        if (stage.Of(AnswerMetrics.EvaluationPrompts) is { Value: < FewPrompts } prompts && stage.Of(AnswerMetrics.EvaluationAnswers) is { } answers)
        {
            yield return ByPrompts($"PPO{round}", prompts.Value, answers.Value);
        }

        if (stage.Learned is { Verdict: LearnedVerdict.RewardHack } learned)
        {
            yield return $"{WarningPrefix}{(round.Length > 0 ? round.Trim() + ": " : "")}{learned.Summary}";
        }

        if (QualityTable.Compared(stage, AnswerMetrics.SftGoldScore, AnswerMetrics.GoldScore) is { } gold)
        {
            yield return $"By the gold rule, which knows the truth, the answers of PPO{round} {gold}.";
        }

        foreach (var (key, figure) in stage.Figures.Where(static pair => pair.Key.StartsWith(GradingMetrics.RewardMean.Prefix, StringComparison.Ordinal)))
        {
            var source = key[GradingMetrics.RewardMean.Prefix.Length..];
            var before = stage.Of(GradingMetrics.SftRewardMean.Of(source)) is { } sft ? $", those of SFT {NumberText.Fixed(sft.Value)}{Interval(sft)}" : "";
            yield return $"By {source} the answers of PPO{round} to held-out prompts have {NumberText.Fixed(figure.Value)}{Interval(figure)} on the mean{before}.";
        }

        foreach (var sentence in BestOfSft.Sentences(stage, $"PPO{round}"))
        {
            yield return sentence;
        }

        foreach (var alarm in stage.Alarms)
        {
            yield return $"{WarningPrefix}{Clause(alarm.Message)} (step {alarm.Step}{round.Replace(" in", " of", StringComparison.Ordinal)}).";
        }
    }

    private static string? Gain(StageSummary stage)
    {
        var score = stage.Of(AnswerMetrics.Score);
        var sft = stage.Of(AnswerMetrics.SftScore);
        if (score is null || sft is null)
        {
            return null;
        }

        var gain = stage.Of(AnswerMetrics.ScoreGain) ?? new Figure(score.Value - sft.Value);
        var values = $"(from {NumberText.Fixed(sft.Value)} to {NumberText.Fixed(score.Value)})";
        var size = $"{NumberText.Fixed(Math.Abs(gain.Value))}{Interval(gain)}";
        return gain switch
        {
            _ when Math.Abs(gain.Value) < Unmoved && Math.Abs(gain.Low ?? 0) < Unmoved
                && Math.Abs(gain.High ?? 0) < Unmoved => $"did not move the held-out score {values}",
            { Low: < 0, High: > 0 } => $"did not clearly change the held-out score {values}: the difference is {NumberText.Fixed(gain.Value, sign: true)}{Interval(gain)}",
            { Value: >= 0 } => $"raised the held-out score by {size} {values}",
            _ => $"lowered the held-out score by {size} {values}",
        };
    }

    public override Markup Table(IReadOnlyList<StageSummary> stages) => QualityTable.Draw(stages, "PPO");

    public override void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages) => QualityTable.Write(output, stages, "PPO");
}
