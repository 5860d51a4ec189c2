using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>The quality of base, SFT and what a stage made of it, by the same held-out prompts.</summary>
internal static class QualityTable
{
    private const string AcrossRounds =
        "The reward model's scores of different rounds do not compare: each round has its own model. Those of base and SFT are round 1's.";

    /// <summary>On the page: base, SFT and the policy of every round, one under another. Empty where no answer was judged.</summary>
    public static Markup Draw(IReadOnlyList<StageSummary> stages, string policy)
    {
        var (gold, scored) = Judges(stages);
        if (!gold && !scored)
        {
            return Markup.Empty;
        }

        var score = scored ? Markup.Literal("""<th scope="col">reward-model score</th>""") : Markup.Empty;
        var rows = new List<Markup>
        {
            QualityRow("base", stages[0], gold, scored, AnswerMetrics.BaseGoldScore, AnswerMetrics.BaseScore, null),
            QualityRow("SFT", stages[0], gold, scored, AnswerMetrics.SftGoldScore, AnswerMetrics.SftScore, null),
        };
        rows.AddRange(stages.Select(stage => QualityRow(
            stages.Count > 1 ? $"{policy}, round {stage.Round}" : policy, stage, gold, scored, AnswerMetrics.GoldScore, AnswerMetrics.Score,
            AnswerMetrics.Kl)));
        return Markup.Of(
            $"""
            <div class="wide"><table class="quality"><caption>Answers to the same held-out prompts</caption><thead><tr><th scope="col">model</th>
            {(gold ? Markup.Literal("""<th scope="col">gold quality</th>""") : Markup.Empty)}{score}<th scope="col">KL to SFT, nats</th></tr></thead>
            <tbody>{rows}</tbody></table></div>{(stages.Count > 1 && scored ? Markup.Of($"""<p class="note">{AcrossRounds}</p>""") : Markup.Empty)}
            """);
    }

    private static (bool Gold, bool Scored) Judges(IReadOnlyList<StageSummary> stages) => (
        stages.Any(stage => stage.Of(AnswerMetrics.GoldScore) is not null), stages.Any(stage => stage.Of(AnswerMetrics.Score) is not null));

    private static Markup QualityRow(string model, StageSummary stage, bool gold, bool scored, Metric truthMetric, Metric scoreMetric, Metric? kl)
    {
        var (truth, score) = (stage.Of(truthMetric), stage.Of(scoreMetric));
        if (truth is null && score is null)
        {
            return Markup.Empty;
        }

        var distance = kl is null ? null : stage.Of(kl);
        return Markup.Of($"""<tr><th scope="row">{model}</th>{(gold ? Value(truth) : Markup.Empty)}{(scored ? Value(score) : Markup.Empty)}{Value(distance)}</tr>""");
    }

    private static Markup Value(Figure? figure) => figure is null
        ? Markup.Literal("<td></td>")
        : Markup.Of($"""<td class="number">{NumberText.Fixed(figure.Value)} <small>{NumberText.IntervalOf(figure)}</small></td>""");

    /// <summary>The same on standard output.</summary>
    public static void Write(TextWriter output, IReadOnlyList<StageSummary> stages, string policy)
    {
        var (gold, scored) = Judges(stages);
        if (!gold && !scored)
        {
            return;
        }

        var table = new TextTable(
            gold && scored ? ["held-out prompts", "gold quality", "95 % interval", "reward model"]
                : gold ? ["held-out prompts", "gold quality", "95 % interval"] : ["held-out prompts", "score", "95 % interval"]);
        AddQuality(table, "base", gold, scored, stages[0], AnswerMetrics.BaseGoldScore, AnswerMetrics.BaseScore);
        AddQuality(table, "SFT", gold, scored, stages[0], AnswerMetrics.SftGoldScore, AnswerMetrics.SftScore);
        foreach (var stage in stages)
        {
            AddQuality(table, stages.Count > 1 ? $"{policy} round {stage.Round}" : policy, gold, scored, stage, AnswerMetrics.GoldScore,
                AnswerMetrics.Score);
        }

        table.Write(output);
        if (stages.Count > 1 && scored)
        {
            output.WriteLine(AcrossRounds);
        }

        output.WriteLine();
    }

    private static void AddQuality(TextTable table, string name, bool gold, bool scored, StageSummary stage, Metric truthMetric, Metric scoreMetric)
    {
        var score = stage.Of(scoreMetric);
        var main = gold ? stage.Of(truthMetric) : score;
        if (main is null)
        {
            return;
        }

        string[] cells = [name, NumberText.Fixed(main.Value, sign: true), NumberText.IntervalOf(main)];
        table.AddRow(gold && scored ? [.. cells, score is null ? "" : NumberText.Fixed(score.Value, sign: true)] : cells);
    }

    /// <summary>How the policy's figure stands to that of SFT, as a part of a sentence; null where one is absent.</summary>
    public static string? Compared(StageSummary stage, Metric before, Metric after)
    {
        if (stage.Of(before) is not { } old || stage.Of(after) is not { } now)
        {
            return null;
        }

        var verb = now.Low > old.High ? "are better" : now.High < old.Low ? "are worse" : "are not clearly different";
        return $"{verb}: {NumberText.Fixed(now.Value)}{StageReport.Interval(now)} against {NumberText.Fixed(old.Value)}{StageReport.Interval(old)} of SFT";
    }
}
