using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Stages.Ppo;

/// <summary>What PPO shows of its results.</summary>
internal sealed class PpoReport : StageReport
{
    private const string AcrossRounds =
        "The reward model's scores of different rounds do not compare: each round has its own model. Those of base and SFT are round 1's.";
    private const double Unmoved = 0.005; // what two decimals show as 0.00

    public override IReadOnlyList<FigureCard> Cards =>
    [
        new(PpoMetrics.GoldScore, PpoMetrics.SftGoldScore), new(PpoMetrics.Score, PpoMetrics.SftScore), new(PpoMetrics.SecondScore, PpoMetrics.SftSecondScore),
        new(PpoMetrics.Kl), new(PpoMetrics.WinRate), new(PpoMetrics.EosShare),
    ];

    public override IReadOnlyList<Metric> MainFigures =>
        [PpoMetrics.ScoreGain, PpoMetrics.WinRate, PpoMetrics.Kl, PpoMetrics.ResponseLength, PpoMetrics.EosShare, PpoMetrics.DistinctShare];

    public override Metric? WorstOf => PpoMetrics.LogprobDifference;

    public override IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) =>
    [
        new("learned", "What PPO learned", LearnedSection.Draw(stages)),
        new("frontier", "KL–reward frontier", FrontierSection.Draw(stages)),
        new("answers", "Answers", AnswersSection.Draw(stages)),
    ];

    public override IEnumerable<string> Sentences(StageSummary stage, string round)
    {
        if (Gain(stage) is { } gain)
        {
            var kl = stage.Of(PpoMetrics.Kl) is { } figure ? $" at a KL of {NumberText.InSentence(figure.Value)} nats" : "";
            yield return $"PPO{round} {gain}{kl}.";
        }

        if (stage.Of(PpoMetrics.EvaluationPrompts) is { Value: < FewPrompts } prompts && stage.Of(PpoMetrics.EvaluationAnswers) is { } answers)
        {
            yield return ByPrompts($"PPO{round}", prompts.Value, answers.Value);
        }

        if (stage.Learned is { Verdict: LearnedVerdict.RewardHack } learned)
        {
            yield return $"{WarningPrefix}{(round.Length > 0 ? round.Trim() + ": " : "")}{learned.Summary}";
        }

        if (Compared(stage, PpoMetrics.SftGoldScore, PpoMetrics.GoldScore) is { } gold)
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
        var score = stage.Of(PpoMetrics.Score);
        var sft = stage.Of(PpoMetrics.SftScore);
        if (score is null || sft is null)
        {
            return null;
        }

        var gain = stage.Of(PpoMetrics.ScoreGain) ?? new Figure(score.Value - sft.Value);
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

    private static string? Compared(StageSummary stage, Metric before, Metric after)
    {
        if (stage.Of(before) is not { } old || stage.Of(after) is not { } now)
        {
            return null;
        }

        var verb = now.Low > old.High ? "are better" : now.High < old.Low ? "are worse" : "are not clearly different";
        return $"{verb}: {NumberText.Fixed(now.Value)}{Interval(now)} against {NumberText.Fixed(old.Value)}{Interval(old)} of SFT";
    }

    // Base, SFT and PPO of every round, one under another.
    public override Markup Table(IReadOnlyList<StageSummary> stages)
    {
        var gold = stages.Any(stage => stage.Of(PpoMetrics.GoldScore) is not null);
        var rows = new List<Markup>
        {
            QualityRow("base", stages[0], gold, PpoMetrics.BaseGoldScore, PpoMetrics.BaseScore, null),
            QualityRow("SFT", stages[0], gold, PpoMetrics.SftGoldScore, PpoMetrics.SftScore, null),
        };
        rows.AddRange(stages.Select(stage => QualityRow(
            stages.Count > 1 ? $"PPO, round {stage.Round}" : "PPO", stage, gold, PpoMetrics.GoldScore, PpoMetrics.Score, PpoMetrics.Kl)));
        return Markup.Of(
            $"""
            <div class="wide"><table class="quality"><caption>Answers to the same held-out prompts</caption><thead><tr><th scope="col">model</th>
            {(gold ? Markup.Literal("""<th scope="col">gold quality</th>""") : Markup.Empty)}<th scope="col">reward-model score</th><th scope="col">KL to SFT, nats</th></tr></thead>
            <tbody>{rows}</tbody></table></div>{(stages.Count > 1 ? Markup.Of($"""<p class="note">{AcrossRounds}</p>""") : Markup.Empty)}
            """);
    }

    private static Markup QualityRow(string model, StageSummary stage, bool gold, Metric truthMetric, Metric scoreMetric, Metric? kl)
    {
        var (truth, score) = (stage.Of(truthMetric), stage.Of(scoreMetric));
        if (truth is null && score is null)
        {
            return Markup.Empty;
        }

        var distance = kl is null ? null : stage.Of(kl);
        return Markup.Of($"""<tr><th scope="row">{model}</th>{(gold ? Value(truth) : Markup.Empty)}{Value(score)}{Value(distance)}</tr>""");
    }

    private static Markup Value(Figure? figure) => figure is null
        ? Markup.Literal("<td></td>")
        : Markup.Of($"""<td class="number">{NumberText.Fixed(figure.Value)} <small>{NumberText.IntervalOf(figure)}</small></td>""");

    public override void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages)
    {
        var gold = stages.Any(stage => stage.Of(PpoMetrics.GoldScore) is not null);
        var table = new TextTable(
            gold ? ["held-out prompts", "gold quality", "95 % interval", "reward model"] : ["held-out prompts", "score", "95 % interval"]);
        AddQuality(table, "base", gold, stages[0], PpoMetrics.BaseGoldScore, PpoMetrics.BaseScore);
        AddQuality(table, "SFT", gold, stages[0], PpoMetrics.SftGoldScore, PpoMetrics.SftScore);
        foreach (var stage in stages)
        {
            AddQuality(table, stages.Count > 1 ? $"PPO round {stage.Round}" : "PPO", gold, stage, PpoMetrics.GoldScore, PpoMetrics.Score);
        }

        table.Write(output);
        if (stages.Count > 1)
        {
            output.WriteLine(AcrossRounds);
        }

        output.WriteLine();
    }

    private static void AddQuality(TextTable table, string name, bool gold, StageSummary stage, Metric truthMetric, Metric scoreMetric)
    {
        var score = stage.Of(scoreMetric);
        var main = gold ? stage.Of(truthMetric) : score;
        if (main is null)
        {
            return;
        }

        string[] cells = [name, NumberText.Fixed(main.Value, sign: true), NumberText.IntervalOf(main)];
        table.AddRow(gold ? [.. cells, score is null ? "" : NumberText.Fixed(score.Value, sign: true)] : cells);
    }
}
