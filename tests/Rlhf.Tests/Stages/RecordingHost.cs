using Rlhf.Training;

namespace Rlhf.Tests.Stages;

/// <summary>Keeps what a trainer logs: a row of values by metric for each call.</summary>
internal sealed class RecordingHost : SilentHost
{
    public List<Dictionary<string, double>> Rows { get; } = [];

    public override void Log(long step, params ReadOnlySpan<(Metric Metric, double Value)> values)
    {
        var row = new Dictionary<string, double>();
        foreach (var (metric, value) in values)
        {
            row.Add(metric.Key, value);
        }

        Rows.Add(row);
    }
}
