using Rlhf.Reports;
using Rlhf.Reports.Charts;

namespace Rlhf.Stages;

/// <summary>KL to the reference against score: what each nat of movement bought.</summary>
internal static class FrontierSection
{
    /// <summary>The points of a stage's evaluations, by its rows of metrics; by the gold rule where nothing else scores.</summary>
    public static FrontierPoint[] PointsOf(IEnumerable<MetricsRow> rows) => [.. rows.Select(PointOf).OfType<FrontierPoint>()];

    /// <summary>The section; empty where no stage was evaluated more than once.</summary>
    /// <param name="summaries">The stages of one kind.</param>
    /// <param name="id">Its anchor.</param>
    public static Markup Draw(IReadOnlyList<StageSummary> summaries, string id)
    {
        var stages = summaries.Where(stage => stage.Frontier is { Count: > 1 }).ToArray();
        return stages.Length == 0
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="{id}"><h2>KL–reward frontier</h2><p class="note">Each point is the policy at one evaluation, on held-out prompts, with its 95 % interval.
                A curve that turns down, or a second score or gold score that falls while the score rises, is over-optimisation of the reward model.</p>
                <div class="charts">{stages.Select(Draw)}</div></section>

                """);
    }

    private static Markup Draw(StageSummary stage)
    {
        var points = stage.Frontier!;
        var score = stage.Of(AnswerMetrics.Score) is null && stage.Of(AnswerMetrics.GoldScore) is not null ? "gold" : "score";
        var series = new List<(string, IReadOnlyList<ScatterPoint>)>
        {
            (score, [.. points.Select((point, i) => new ScatterPoint(
                point.Kl, point.Score, point.ScoreLow, point.ScoreHigh, Hover(score, point, point.Score), Label(point, i, points.Count)))]),
        };
        if (stage.BestOfN is { } best)
        {
            series.Add(("best of n of SFT",
            [
                .. best.Select(static point => new ScatterPoint(
                    point.KlBound, point.Score, point.ScoreLow, point.ScoreHigh,
                    $"best of {point.N}: {NumberText.Short(point.Score)} at a KL of at most {NumberText.Short(point.KlBound)}", $"best of {point.N}")),
            ]));
        }

        Add(series, "second score", points, point => point.SecondScore);
        Add(series, "gold", points, point => point.GoldScore);
        var words = new ChartWords(
            stage.Name, "Score on held-out prompts against KL to the reference, by evaluation.", "KL to the reference, nats per answer", score);
        return ScatterChart.Draw(words, series);
    }

    private static void Add(
        List<(string, IReadOnlyList<ScatterPoint>)> series, string name, IReadOnlyList<FrontierPoint> points, Func<FrontierPoint, double?> valueOf)
    {
        var with = points.Where(point => valueOf(point) is not null).ToArray();
        if (with.Length > 1)
        {
            series.Add((name, [.. with.Select(point => new ScatterPoint(point.Kl, valueOf(point)!.Value, Hover: Hover(name, point, valueOf(point)!.Value)))]));
        }
    }

    private static string Hover(string name, FrontierPoint point, double value) =>
        $"{name} {NumberText.Short(value)} at KL {NumberText.Short(point.Kl)}, step {NumberText.Short(point.Step)}";

    private static string? Label(FrontierPoint point, int i, int count) =>
        i == 0 || i == count - 1 ? $"step {NumberText.Short(point.Step)}" : null;

    private static FrontierPoint? PointOf(MetricsRow row)
    {
        if (row.Of(AnswerMetrics.HeldoutKl) is not { } kl)
        {
            return null;
        }

        var gold = row.Of(AnswerMetrics.HeldoutGoldScore);
        return row.Of(AnswerMetrics.HeldoutScore) is { } score
            ? new FrontierPoint(
                row.Step, kl, score, row.Of(AnswerMetrics.HeldoutScoreLow), row.Of(AnswerMetrics.HeldoutScoreHigh), row.Of(AnswerMetrics.HeldoutSecondScore),
                gold)
            : gold is { } truth ? new FrontierPoint(row.Step, kl, truth)
            : null;
    }
}
