using Rlhf.Training;

namespace Rlhf.Cli.Bench;

/// <summary>A host that keeps the last metrics and nothing else.</summary>
internal sealed class BenchmarkHost(CancellationToken cancellation) : SilentHost(cancellation)
{
    /// <summary>The metrics that were logged last, by name.</summary>
    public Dictionary<string, double> Metrics { get; } = [];

    public override void Log(long step, params ReadOnlySpan<(Metric Metric, double Value)> values)
    {
        foreach (var (metric, value) in values)
        {
            Metrics[metric.Key] = value;
        }
    }
}
