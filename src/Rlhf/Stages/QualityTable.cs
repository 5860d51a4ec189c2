using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>The quality of base, SFT and what a stage made of it, by the same held-out prompts.</summary>
internal static class QualityTable
{
    private const string AcrossRounds =
        "The reward model's scores of different rounds do not compare: each round has its own model. Those of base and SFT are round 1's.";

    private const string OfGold =
        "Gold quality, right and polite are by the gold rule, which knows the truth. Quality goes from -2 (rude) to 2 (right, polite, a full sentence).";

    private static readonly ModelFigures Base = new(
        AnswerMetrics.BaseGoldScore, AnswerMetrics.BaseRightShare, AnswerMetrics.BasePoliteShare, AnswerMetrics.BaseScore, null);

    private static readonly ModelFigures Sft = new(
        AnswerMetrics.SftGoldScore, AnswerMetrics.SftRightShare, AnswerMetrics.SftPoliteShare, AnswerMetrics.SftScore, null);

    private static readonly ModelFigures Policy = new(
        AnswerMetrics.GoldScore, AnswerMetrics.RightShare, AnswerMetrics.PoliteShare, AnswerMetrics.Score, AnswerMetrics.Kl);

    /// <summary>On the page: base, SFT and the policy of every round, one under another. Empty where no answer was judged.</summary>
    public static Markup Draw(IReadOnlyList<StageSummary> stages, string policy)
    {
        var (gold, scored) = Judges(stages);
        if (!gold && !scored)
        {
            return Markup.Empty;
        }

        var judged = gold
            ? Markup.Literal("""<th scope="col">gold quality</th><th scope="col">right</th><th scope="col">polite</th>""")
            : Markup.Empty;
        var score = scored ? Markup.Literal("""<th scope="col">reward-model score</th>""") : Markup.Empty;
        var rows = Rows(stages, policy).Select(row => PageRow(row, gold, scored));
        return Markup.Of(
            $"""
            <div class="wide" tabindex="0" role="group" aria-label="Answers to the same held-out prompts"><table class="quality"><caption>Answers to the same held-out prompts</caption><thead><tr><th scope="col">model</th>
            {judged}{score}<th scope="col">KL to SFT, nats</th></tr></thead>
            <tbody>{rows}</tbody></table></div>{Notes(stages, gold, scored).Select(note => Markup.Of($"""<p class="note">{note}</p>"""))}
            """);
    }

    /// <summary>The same on standard output.</summary>
    public static void Write(TextWriter output, IReadOnlyList<StageSummary> stages, string policy)
    {
        var (gold, scored) = Judges(stages);
        if (!gold && !scored)
        {
            return;
        }

        string[] judged = gold && scored ? ["gold quality", "95 % interval", "right", "polite", "reward model"]
            : gold ? ["gold quality", "95 % interval", "right", "polite"] : ["score", "95 % interval"];
        var table = new TextTable(["held-out prompts", .. judged]);
        foreach (var row in Rows(stages, policy))
        {
            var main = gold ? row.Gold : row.Score;
            if (main is not null)
            {
                string[] cells = [row.Model, NumberText.Fixed(main.Value, sign: true), NumberText.IntervalOf(main)];
                table.AddRow(gold ? [.. cells, Share(row.Right), Share(row.Polite), .. Scored(row, scored)] : cells);
            }
        }

        table.Write(output);
        foreach (var note in Notes(stages, gold, scored))
        {
            output.WriteLine(note);
        }

        output.WriteLine();
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

    private static (bool Gold, bool Scored) Judges(IReadOnlyList<StageSummary> stages) => (
        stages.Any(stage => stage.Of(AnswerMetrics.GoldScore) is not null), stages.Any(stage => stage.Of(AnswerMetrics.Score) is not null));

    private static IEnumerable<string> Notes(IReadOnlyList<StageSummary> stages, bool gold, bool scored)
    {
        if (gold)
        {
            yield return OfGold;
        }

        if (stages.Count > 1 && scored)
        {
            yield return AcrossRounds;
        }
    }

    private static IEnumerable<QualityRow> Rows(IReadOnlyList<StageSummary> stages, string policy) =>
        stages.Select(stage => RowOf(stages.Count > 1 ? $"{policy} round {stage.Round}" : policy, stage, Policy))
            .Prepend(RowOf("SFT", stages[0], Sft)).Prepend(RowOf("base", stages[0], Base));

    private static QualityRow RowOf(string model, StageSummary stage, ModelFigures figures) => new(
        model, stage.Of(figures.Gold), stage.Of(figures.Right), stage.Of(figures.Polite), stage.Of(figures.Score),
        figures.Kl is null ? null : stage.Of(figures.Kl));

    private static Markup PageRow(QualityRow row, bool gold, bool scored)
    {
        if (row.Gold is null && row.Score is null)
        {
            return Markup.Empty;
        }

        var judged = gold ? Markup.Join([Value(row.Gold), Cell(Share(row.Right)), Cell(Share(row.Polite))]) : Markup.Empty;
        return Markup.Of($"""<tr><th scope="row">{row.Model}</th>{judged}{(scored ? Value(row.Score) : Markup.Empty)}{Value(row.Kl)}</tr>""");
    }

    private static Markup Value(Figure? figure) => figure is null
        ? Markup.Literal("<td></td>")
        : Markup.Of($"""<td class="number">{NumberText.Fixed(figure.Value)} <small>{NumberText.IntervalOf(figure)}</small></td>""");

    private static Markup Cell(string text) => Markup.Of($"""<td class="number">{text}</td>""");

    private static string Share(Figure? figure) => figure is null ? "" : NumberText.Percent(figure.Value);

    private static string[] Scored(QualityRow row, bool scored) =>
        !scored ? [] : [row.Score is null ? "" : NumberText.Fixed(row.Score.Value, sign: true)];

    /// <summary>Which figures of a stage's summary are a model's.</summary>
    private sealed record ModelFigures(Metric Gold, Metric Right, Metric Polite, Metric Score, Metric? Kl);

    /// <summary>A row of the table; what was not measured is null.</summary>
    private sealed record QualityRow(string Model, Figure? Gold, Figure? Right, Figure? Polite, Figure? Score, Figure? Kl);
}
