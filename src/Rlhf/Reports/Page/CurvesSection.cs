using Rlhf.Reports.Charts;

namespace Rlhf.Reports.Page;

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

    // The reward model that only checks logs beside the first one, under its stage's name with an end, and its metrics with a beginning.
    private const string SecondStage = "-second";
    private const string SecondMetric = "second_";

    /// <summary>A chart before it is drawn.</summary>
    private sealed record Chart(ChartWords Words, IReadOnlyList<Series> Series, bool Log)
    {
        /// <summary>Whether nothing in it moves.</summary>
        public bool IsDull => Series.All(one => one.Points.Select(point => point.Y).Distinct().Take(2).Count() < 2);

        public Markup Draw() => LineChart.Draw(Words, Series, Log && Series.All(one => one.Points.All(point => point.Y > 0)));
    }

    /// <summary>The last PPO stage stands open, or else the last stage; of the others one line each.</summary>
    public static Markup Draw(ReportSource source)
    {
        var stages = source.Metrics;
        if (stages.Count == 0)
        {
            return Markup.Empty;
        }

        var kinds = source.Summary.Stages.ToDictionary(stage => stage.Name, stage => stage.Kind, StringComparer.Ordinal);
        var open = (stages.LastOrDefault(stage => kinds.GetValueOrDefault(stage.Key) == "ppo") ?? stages[^1]).Key;
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
        // Charts that do not move come last, and what is beyond the first ones is folded up.
        var charts = ChartsOf(rows, ofSecond ? SecondMetric : "").OrderBy(chart => chart.IsDull).Select(chart => chart.Draw()).ToArray();
        var facts = summary is not null ? $"{NumberText.Short(summary.Steps)} steps, {Durations.Short(summary.Seconds)}" : ofSecond || source.IsFinished ? "" : "unfinished";
        var title = Markup.Of($"{(ofSecond ? $"{name[..^SecondStage.Length]}: the model that only checks" : name)}{(facts.Length > 0 ? Markup.Of($" <small>{facts}</small>") : Markup.Empty)}");
        var more = charts.Length > Open
            ? Markup.Of($"""<details><summary>{charts.Length - Open} more curves of {name}</summary><div class="charts">{charts.Skip(Open)}</div></details>""")
            : Markup.Empty;
        var shown = Markup.Of($"""<div class="charts">{charts.Take(Open)}</div>{more}""");
        return open ? Markup.Of($"<h3>{title}</h3>{shown}") : Markup.Of($"<details><summary>{title}</summary>{shown}</details>");
    }

    private static IEnumerable<Chart> ChartsOf(IReadOnlyList<MetricsRow> rows, string prefix)
    {
        var present = rows.SelectMany(row => row.Values.Keys).Distinct(StringComparer.Ordinal).ToDictionary(
            metric => metric.StartsWith(prefix, StringComparison.Ordinal) ? metric[prefix.Length..] : metric, metric => metric, StringComparer.Ordinal);
        var others = present.Keys.Except(Shared.SelectMany(shared => shared.Metrics)).Select(metric => (Title: Glossary.NameOf(metric), Metrics: (string[])[metric], Log: false));
        foreach (var (title, metrics, log) in Shared.Concat(others))
        {
            string[] own = [.. metrics.Where(present.ContainsKey)];
            if (own.Length > 0)
            {
                var words = new ChartWords(title, string.Join(" ", own.Select(Glossary.MeaningOf)), "step", Units.GetValueOrDefault(own[0], ""));
                yield return new Chart(words, [.. own.Select(metric => SeriesOf(rows, metric, present[metric]))], log);
            }
        }
    }

    private static Series SeriesOf(IReadOnlyList<MetricsRow> rows, string name, string metric) => new(
        Glossary.NameOf(name), [.. rows.Where(row => row.Values.ContainsKey(metric)).Select(row => ((double)row.Step, row.Values[metric]))], Smooth: !Exact.Contains(name));
}
