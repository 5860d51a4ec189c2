using Rlhf.Reports.Charts;

namespace Rlhf.Reports.Page;

/// <summary>The metrics of every stage as curves; metrics that belong together share a chart.</summary>
internal static class CurvesSection
{
    private const int Open = 4;

    // The reward model that only checks logs beside the first one, under its stage's name with an end, and its metrics with a beginning.
    private const string SecondStage = "-second";

    /// <summary>A chart before it is drawn.</summary>
    private sealed record Chart(ChartWords Words, IReadOnlyList<Series> Series, bool Log)
    {
        /// <summary>Whether nothing in it moves.</summary>
        public bool IsDull => Series.All(one => one.Points.Select(point => point.Y).Distinct().Take(2).Count() < 2);

        public Markup Draw() => LineChart.Draw(Words, Series, Log && Series.All(one => one.Points.All(point => point.Y > 0)));
    }

    /// <summary>The last stage of a kind that matters most stands open, or else the last stage; of the others one line each.</summary>
    /// <param name="source">The run.</param>
    /// <param name="opens">Whether a kind of stage matters most.</param>
    public static Markup Draw(ReportSource source, Func<string, bool> opens)
    {
        var stages = source.Metrics;
        if (stages.Count == 0)
        {
            return Markup.Empty;
        }

        var kinds = source.Summary.Stages.ToDictionary(stage => stage.Name, stage => stage.Kind, StringComparer.Ordinal);
        var open = (stages.LastOrDefault(stage => kinds.TryGetValue(stage.Key, out var kind) && opens(kind)) ?? stages[^1]).Key;
        return Markup.Of(
            $"""
            <section id="curves"><h2>Curves</h2><p class="note">Thin: every step. Thick: the mean of a fifteenth of the steps around it. Point at a curve for its numbers.</p>
            {stages.Select(stage => Stage(source, stage.Key, [.. stage], stage.Key == open))}</section>

            """);
    }

    private static Markup Stage(ReportSource source, string name, IReadOnlyList<MetricsRow> rows, bool open)
    {
        var summary = source.Summary.Stages.FirstOrDefault(one => one.Name == name);
        var ofSecond = summary is null && name.EndsWith(SecondStage, StringComparison.Ordinal);
        var all = ChartsOf(rows, ofSecond ? Metric.SecondPrefix : "").ToLookup(chart => chart.IsDull, chart => chart.Draw());
        Markup[] charts = [.. all[false]], dull = [.. all[true]];
        var facts = summary is not null
            ? $"{NumberText.Short(summary.Steps)} steps, {Durations.Short(summary.Seconds)}"
            : ofSecond || source.IsFinished ? ""
            : "unfinished";
        var title = Markup.Of(
            $"{(ofSecond ? $"{name[..^SecondStage.Length]}: the model that only checks" : name)}{(facts.Length > 0 ? Markup.Of($" <small>{facts}</small>") : Markup.Empty)}");
        var more = Folded(charts[Math.Min(Open, charts.Length)..], $"more curves of {name}");
        var still = Folded(dull, $"of {name} that do not move");
        var shown = Markup.Of($"""<div class="charts">{charts.Take(Open)}</div>{more}{still}""");
        return open ? Markup.Of($"<h3>{title}</h3>{shown}") : Markup.Of($"<details><summary>{title}</summary>{shown}</details>");
    }

    private static Markup Folded(Markup[] charts, string what) => charts.Length == 0
        ? Markup.Empty
        : Markup.Of($"""<details><summary>{charts.Length} {what}</summary><div class="charts">{charts}</div></details>""");

    private static IEnumerable<Chart> ChartsOf(IReadOnlyList<MetricsRow> rows, string prefix)
    {
        // The second model's curves stand in the charts of the first one's metrics.
        var logged = rows.SelectMany(row => row.Values.Keys).Distinct(StringComparer.Ordinal)
            .Select(key => (Key: key, Metric: MetricCatalogue.Of(key.StartsWith(prefix, StringComparison.Ordinal) ? key[prefix.Length..] : key)))
            .OrderBy(static one => MetricCatalogue.PlaceOf(one.Metric)).ToArray();
        return logged.GroupBy(static one => one.Metric.Panel ?? new MetricPanel(int.MaxValue, one.Metric.Name)).OrderBy(static panel => panel.Key.Order)
            .Select(panel => new Chart(
                new ChartWords(panel.Key.Title, string.Join(" ", panel.Select(static one => one.Metric.Meaning)), "step", panel.First().Metric.Unit),
                [.. panel.Select(one => SeriesOf(rows, one.Key, one.Metric))], panel.Key.IsLogarithmic));
    }

    private static Series SeriesOf(IReadOnlyList<MetricsRow> rows, string key, Metric metric) =>
        new(metric.Name, [.. rows.Where(row => row.Values.ContainsKey(key)).Select(row => ((double)row.Step, row.Values[key]))], Smooth: !metric.IsExact);
}
