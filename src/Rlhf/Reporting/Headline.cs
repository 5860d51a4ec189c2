using Rlhf.Evaluation;

namespace Rlhf.Reporting;

/// <summary>Says in plain English what came out of a run. Sentences that begin with <see cref="WarningPrefix"/> are warnings.</summary>
public static class Headline
{
    private const int FewPrompts = 30;
    private const double Unmoved = 0.005; // what two decimals show as 0.00

    /// <summary>How a warning begins.</summary>
    public const string WarningPrefix = "Warning: ";

    /// <summary>The sentences, what matters most (the last PPO) first, warnings directly behind what they speak of.</summary>
    public static IReadOnlyList<string> Sentences(IReadOnlyList<StageSummary> stages)
    {
        var sentences = new List<string>();
        foreach (var stage in stages.Where(stage => stage.Kind == StageKinds.Ppo).Reverse())
        {
            sentences.AddRange(OfPpo(stage, InRound(stage, stages)));
        }

        foreach (var stage in stages.Where(stage => stage.Kind == StageKinds.Reward).Reverse())
        {
            sentences.AddRange(OfReward(stage, InRound(stage, stages)));
        }

        sentences.AddRange(stages.Where(stage => stage.Kind == StageKinds.Collect).Reverse().SelectMany(stage => OfJudge(stage, InRound(stage, stages))));
        sentences.AddRange(stages.Where(stage => stage.Kind is StageKinds.Sft or StageKinds.Pretrain).SelectMany(OfLanguageModel));
        return sentences;
    }

    private static IEnumerable<string> OfPpo(StageSummary stage, string round)
    {
        if (Gain(stage) is { } gain)
        {
            var kl = stage.Figures.GetValueOrDefault(FigureNames.Kl) is { } figure ? $" at a KL of {NumberText.InSentence(figure.Value)} nats" : "";
            yield return $"PPO{round} {gain}{kl}.";
        }

        if (stage.Figures.GetValueOrDefault(FigureNames.EvaluationPrompts) is { Value: < FewPrompts } prompts && stage.Figures.GetValueOrDefault(FigureNames.EvaluationAnswers) is { } answers)
        {
            yield return ByPrompts($"PPO{round}", prompts.Value, answers.Value);
        }

        if (stage.Learned is { Verdict: LearnedVerdict.RewardHack } learned)
        {
            yield return $"{WarningPrefix}{(round.Length > 0 ? round.Trim() + ": " : "")}{learned.Summary}";
        }

        if (Compared(stage, FigureNames.SftGoldScore, FigureNames.GoldScore) is { } gold)
        {
            yield return $"By the gold rule, which knows the truth, the answers of PPO{round} {gold}.";
        }

        foreach (var alarm in stage.Alarms)
        {
            yield return $"{WarningPrefix}{Clause(alarm.Message)} (step {alarm.Step}{round.Replace(" in", " of", StringComparison.Ordinal)}).";
        }
    }

    private static string? Gain(StageSummary stage)
    {
        var score = stage.Figures.GetValueOrDefault(FigureNames.Score);
        var sft = stage.Figures.GetValueOrDefault(FigureNames.SftScore);
        if (score is null || sft is null)
        {
            return null;
        }

        var gain = stage.Figures.GetValueOrDefault(FigureNames.ScoreGain) ?? new Figure(score.Value - sft.Value);
        var values = $"(from {NumberText.Fixed(sft.Value)} to {NumberText.Fixed(score.Value)})";
        var size = $"{NumberText.Fixed(Math.Abs(gain.Value))}{Interval(gain)}";
        return gain switch
        {
            _ when Math.Abs(gain.Value) < Unmoved && Math.Abs(gain.Low ?? 0) < Unmoved && Math.Abs(gain.High ?? 0) < Unmoved => $"did not move the held-out score {values}",
            { Low: < 0, High: > 0 } => $"did not clearly change the held-out score {values}: the difference is {NumberText.Fixed(gain.Value, sign: true)}{Interval(gain)}",
            { Value: >= 0 } => $"raised the held-out score by {size} {values}",
            _ => $"lowered the held-out score by {size} {values}",
        };
    }

    private static string? Compared(StageSummary stage, string before, string after)
    {
        if (stage.Figures.GetValueOrDefault(before) is not { } old || stage.Figures.GetValueOrDefault(after) is not { } now)
        {
            return null;
        }

        var verb = now.Low > old.High ? "are better" : now.High < old.Low ? "are worse" : "are not clearly different";
        return $"{verb}: {NumberText.Fixed(now.Value)}{Interval(now)} against {NumberText.Fixed(old.Value)}{Interval(old)} of SFT";
    }

    private static IEnumerable<string> OfReward(StageSummary stage, string round)
    {
        if (stage.Figures.GetValueOrDefault(FigureNames.Accuracy) is { } accuracy)
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

    private static IEnumerable<string> OfJudge(StageSummary stage, string round)
    {
        if (stage.Figures.GetValueOrDefault(FigureNames.JudgeCalls) is not { } calls)
        {
            yield break;
        }

        var cost = stage.Figures.GetValueOrDefault(FigureNames.JudgeCost) is { Value: > 0 } price ? $" for {NumberText.Short(price.Value)}" : "";
        var unclear = stage.Figures.GetValueOrDefault(FigureNames.JudgeUnclear) is { Value: > 0 } count ? $"; {NumberText.Short(count.Value)} questions got no readable reply and count as ties" : "";
        yield return $"The judge{round} was asked {NumberText.Short(calls.Value)} times{cost}{unclear}.";
        if (stage.Figures.GetValueOrDefault(FigureNames.JudgeFirstChosen) is { } first && (first.Low > 0.5 || first.High < 0.5))
        {
            yield return $"{WarningPrefix}the judge{round} chose the answer that stood first in {NumberText.Percent(first.Value)} {NumberText.IntervalOf(first)} of its choices; both orders were asked, and what it said in one only counts as a tie.";
        }
    }

    private static IEnumerable<string> OfLanguageModel(StageSummary stage)
    {
        var name = stage.Kind switch
        {
            StageKinds.Sft => "SFT",
            StageKinds.Pretrain => "Pretraining",
            _ => throw new ArgumentOutOfRangeException(nameof(stage), stage.Kind, "A stage of this kind trains no language model."),
        };
        if (stage.Figures.GetValueOrDefault(FigureNames.ValidationLoss) is { } loss)
        {
            var now = NumberText.InSentence(loss.Value);
            yield return stage.Figures.GetValueOrDefault(FigureNames.ValidationLossBefore) is not { } before ? $"{name} ended at a held-out loss of {now} nats per token."
                : NumberText.InSentence(before.Value) is var then && then == now ? $"{name} did not move the held-out loss of {now} nats per token."
                : $"{name} {(loss.Value < before.Value ? "lowered" : "raised")} the held-out loss from {then} to {now} nats per token.";
        }

        foreach (var alarm in stage.Alarms)
        {
            yield return $"{WarningPrefix}{Clause(alarm.Message)} ({name}, step {alarm.Step}).";
        }
    }

    private static string ByPrompts(string what, double prompts, double answers) =>
        $"{what} is judged on few prompts: the interval goes by {NumberText.Short(prompts)} prompts, not by their {NumberText.Short(answers)} answers, since answers to one prompt are alike.";

    private static string Interval(Figure figure) => figure is { Low: { } low, High: { } high } ? $" [{NumberText.Fixed(low)}, {NumberText.Fixed(high)}]" : "";

    private static string Clause(string message) => message.TrimEnd('.', ' ');

    private static string InRound(StageSummary stage, IReadOnlyList<StageSummary> stages) =>
        stages.Any(other => other.Round > 1) ? $" in round {stage.Round}" : "";
}
