using Rlhf.Reporting.Charts;

namespace Rlhf.Reporting.Page;

/// <summary>The metrics of every stage as curves; metrics that belong together share a chart.</summary>
internal static class CurvesSection
{
    // Title, metrics in it, logarithmic axis; in order of what a person looks at first. The first of a stage stand open.
    private static readonly (string Title, string[] Metrics, bool Log)[] Shared =
    [
        ("Score", ["score", "second_score", "objective", "gold_score"], false),
        ("KL to the reference", ["kl"], false),
        ("Loss", ["loss", "validation_loss"], false),
        ("Pair accuracy", ["accuracy", "validation_accuracy"], false),
        ("Answer length", ["response_length"], false),
        ("Answers that end, answers that differ", ["eos_share", "distinct_share"], false),
        ("Entropy", ["entropy"], false),
        ("Clipped", ["clip_fraction", "value_clip_fraction"], false),
        ("Approximate KL to the rollout policy", ["approximate_kl"], false),
        ("Explained variance", ["explained_variance"], false),
        ("Policy loss", ["policy_loss"], false),
        ("Value loss", ["value_loss"], false),
        ("Gradient norms", ["gradient_norm", "value_gradient_norm"], true),
        ("Learning rate", ["learning_rate"], false),
        ("KL coefficient", ["kl_coefficient"], false),
        ("Speed", ["tokens_per_second"], false),
        ("Seconds of a step", ["seconds_rollout", "seconds_score", "seconds_update"], false),
        ("Largest log-probability difference", ["logprob_difference"], false),
        ("Epoch", ["epoch"], false),
    ];

    private static readonly Dictionary<string, string> Units = new()
    {
        ["kl"] = "nats per answer",
        ["loss"] = "nats",
        ["response_length"] = "tokens",
        ["entropy"] = "nats",
        ["tokens_per_second"] = "tokens/s",
        ["approximate_kl"] = "nats per token",
        ["seconds_rollout"] = "s",
        ["eos_share"] = "share",
        ["clip_fraction"] = "share",
        ["accuracy"] = "share",
        ["logprob_difference"] = "nats",
    };

    // Set by a schedule, without noise.
    private static readonly HashSet<string> Exact = ["learning_rate", "epoch", "kl_coefficient"];

    private const int Open = 6;

    public static Markup Draw(ReportSource source) => source.Metrics.Count == 0
        ? Markup.Empty
        : Markup.Of(
            $"""
            <section id="curves"><h2>Curves</h2><p class="note">Thin: every step. Thick: the mean of a fifteenth of the steps around it. Point at a curve for its numbers.</p>
            {source.Metrics.Select(stage => Stage(stage.Key, [.. stage], source.Summary.Stages.FirstOrDefault(one => one.Name == stage.Key)))}</section>

            """);

    private static Markup Stage(string name, IReadOnlyList<MetricsRow> rows, StageSummary? summary)
    {
        var metrics = rows.SelectMany(row => row.Values.Keys).Distinct(StringComparer.Ordinal).ToList();
        var charts = Shared.Concat(metrics.Except(Shared.SelectMany(shared => shared.Metrics)).Select(metric => (Glossary.NameOf(metric), new[] { metric }, false)))
            .Select(chart => Chart(rows, metrics, chart)).Where(chart => !chart.IsEmpty).ToArray();
        var facts = summary is null ? "unfinished" : $"{NumberText.Short(summary.Steps)} steps, {Durations.Short(summary.Seconds)}";
        var more = charts.Length > Open
            ? Markup.Of($"""<details><summary>{charts.Length - Open} more curves of {name}</summary><div class="charts">{charts.Skip(Open)}</div></details>""")
            : Markup.Empty;
        return Markup.Of($"""<h3>{name} <small>{facts}</small></h3><div class="charts">{charts.Take(Open)}</div>{more}""");
    }

    private static Markup Chart(IReadOnlyList<MetricsRow> rows, List<string> present, (string Title, string[] Metrics, bool Log) chart)
    {
        var metrics = chart.Metrics.Where(present.Contains).ToArray();
        if (metrics.Length == 0)
        {
            return Markup.Empty;
        }

        var series = metrics.Select(metric => new Series(
            Glossary.NameOf(metric),
            [.. rows.Where(row => row.Values.ContainsKey(metric)).Select(row => ((double)row.Step, row.Values[metric]))],
            Smooth: !Exact.Contains(metric))).ToArray();
        var meaning = string.Join(" ", metrics.Select(Glossary.MeaningOf));
        var positive = series.All(one => one.Points.All(point => point.Y > 0));
        return LineChart.Draw(new ChartWords(chart.Title, meaning, "step", Units.GetValueOrDefault(metrics[0], "")), series, chart.Log && positive);
    }
}
