namespace Rlhf.Core;

/// <summary>A number that a stage logs at a step or sums up at its end.</summary>
/// <param name="Key">As it stands in <c>metrics.jsonl</c> and <c>summary.json</c>: <c>approximate_kl</c>.</param>
/// <param name="Name">For people.</param>
/// <param name="Meaning">One sentence.</param>
/// <param name="Unit">Unit on the axis of its chart; empty for none.</param>
/// <param name="Panel">The chart that it shares with others; null: one of its own.</param>
/// <param name="IsExact">Set by a schedule: its curve is drawn without smoothing.</param>
public sealed record Metric(string Key, string Name, string Meaning, string Unit = "", MetricPanel? Panel = null, bool IsExact = false)
{
    /// <summary>Before the key of what the reward model that only checks logs.</summary>
    public const string SecondPrefix = "second_";

    /// <summary>The same of the reward model that only checks.</summary>
    public Metric OfSecond() =>
        this with { Key = SecondPrefix + Key, Name = $"{Name} of the second model", Meaning = $"{Meaning} Here of the reward model that only checks." };
}

/// <summary>Metrics of the same kind, of things that a recipe names.</summary>
/// <param name="Prefix">What their keys begin with; the thing's name follows: <c>reward_mean.</c>.</param>
/// <param name="Name">What their names begin with, for people.</param>
/// <param name="Meaning">One sentence.</param>
/// <param name="Unit">Unit on the axis of their chart; empty for none.</param>
/// <param name="Panel">The chart that they share; null: one each.</param>
public sealed record MetricFamily(string Prefix, string Name, string Meaning, string Unit = "", MetricPanel? Panel = null)
{
    /// <summary>The metric of a thing.</summary>
    public Metric Of(string thing) => new(Prefix + thing, $"{Name} {thing.Replace('_', ' ')}", Meaning, Unit, Panel);
}

/// <summary>A chart of metrics that belong together.</summary>
/// <param name="Order">Its place among charts: what a person looks at first has the lowest.</param>
/// <param name="Title">Its title.</param>
/// <param name="IsLogarithmic">Whether its axis is logarithmic.</param>
public sealed record MetricPanel(int Order, string Title, bool IsLogarithmic = false);
