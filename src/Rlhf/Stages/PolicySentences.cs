using Rlhf.Evaluation;
using Rlhf.Grading;
using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>What is said of a policy's answers to held-out prompts, whatever trained it.</summary>
internal static class PolicySentences
{
    private const double Unmoved = 0.005; // what two decimals show as 0.00

    /// <summary>The sentences.</summary>
    /// <param name="stage">The stage's summary.</param>
    /// <param name="name">What the policy is called: <c>PPO</c>.</param>
    /// <param name="round"> <c> in round 2</c>, or empty where there is one round.</param>
    public static IEnumerable<string> Of(StageSummary stage, string name, string round)
    {
        var policy = $"{name}{round}";
        if (Gain(stage) is { } gain)
        {
            var kl = stage.Of(AnswerMetrics.Kl) is { } figure ? $" at a KL of {NumberText.InSentence(figure.Value)} nats" : "";
            yield return $"{policy} {gain}{kl}.";
        }

        if (stage.Of(AnswerMetrics.ScoreGain) is { Low: > 0 } && stage.Of(AnswerMetrics.SecondScoreGain) is { } second)
        {
            yield return Second(policy, second);
        }

        if (stage.Of(AnswerMetrics.EvaluationPrompts) is { Value: < StageReport.FewPrompts } prompts
            && stage.Of(AnswerMetrics.EvaluationAnswers) is { } answers)
        {
            yield return StageReport.ByPrompts(policy, prompts.Value, answers.Value);
        }

        if (stage.Learned is { Verdict: LearnedVerdict.RewardHack } learned)
        {
            yield return $"{StageReport.WarningPrefix}{(round.Length > 0 ? round.Trim() + ": " : "")}{learned.Summary}";
        }

        if (QualityTable.Compared(stage, AnswerMetrics.SftGoldScore, AnswerMetrics.GoldScore) is { } gold)
        {
            yield return $"By the gold rule, which knows the truth, the answers of {policy} {gold}.";
        }

        foreach (var (key, figure) in stage.Figures.Where(static pair => pair.Key.StartsWith(GradingMetrics.RewardMean.Prefix, StringComparison.Ordinal)))
        {
            var source = key[GradingMetrics.RewardMean.Prefix.Length..];
            var before = stage.Of(GradingMetrics.SftRewardMean.Of(source)) is { } sft ? $", those of SFT {Text(sft)}" : "";
            yield return $"By {source} the answers of {policy} to held-out prompts have {Text(figure)} on the mean{before}.";
        }

        foreach (var sentence in BestOfSft.Sentences(stage, policy))
        {
            yield return sentence;
        }
    }

    /// <summary>The alarms as warnings.</summary>
    public static IEnumerable<string> OfAlarms(StageSummary stage, string round) => stage.Alarms.Select(alarm =>
        $"{StageReport.WarningPrefix}{StageReport.Clause(alarm.Message)} (step {alarm.Step}{round.Replace(" in", " of", StringComparison.Ordinal)}).");

    private static string Second(string policy, Figure gain)
    {
        var change = $"{NumberText.Fixed(gain.Value, sign: true)}{StageReport.Interval(gain)}";
        return gain switch
        {
            { Low: > 0 } => $"A second reward model, which {policy} was not trained against, agrees in sign: by it the gain is {change}.",
            { High: < 0 } => $"{StageReport.WarningPrefix}a second reward model, which {policy} was not trained against, has the answers worse than SFT's, by {change}: the gain may be an error of the first one's.",
            _ => $"A second reward model, which {policy} was not trained against, does not confirm the gain: by it the difference is {change}.",
        };
    }

    private static string Text(Figure figure) => $"{NumberText.Fixed(figure.Value)}{StageReport.Interval(figure)}";

    private static string? Gain(StageSummary stage)
    {
        if (stage.Of(AnswerMetrics.Score) is not { } score || stage.Of(AnswerMetrics.SftScore) is not { } sft)
        {
            return null;
        }

        var gain = stage.Of(AnswerMetrics.ScoreGain) ?? new Figure(score.Value - sft.Value);
        var values = $"(from {NumberText.Fixed(sft.Value)} to {NumberText.Fixed(score.Value)})";
        var size = $"{NumberText.Fixed(Math.Abs(gain.Value))}{StageReport.Interval(gain)}";
        return gain switch
        {
            _ when Math.Abs(gain.Value) < Unmoved && Math.Abs(gain.Low ?? 0) < Unmoved
                && Math.Abs(gain.High ?? 0) < Unmoved => $"did not move the held-out score {values}",
            { Low: < 0, High: > 0 } =>
                $"did not clearly change the held-out score {values}: the difference is {NumberText.Fixed(gain.Value, sign: true)}{StageReport.Interval(gain)}",
            { Value: >= 0 } => $"raised the held-out score by {size} {values}",
            _ => $"lowered the held-out score by {size} {values}",
        };
    }
}
