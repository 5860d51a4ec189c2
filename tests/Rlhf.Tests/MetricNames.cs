using Rlhf.Reports;
using Rlhf.Stages;

namespace Rlhf.Tests;

/// <summary>Logs by the keys of metrics, which read better in a test.</summary>
internal static class MetricNames
{
    public static void Write(this MetricsWriter writer, string stage, long step, double seconds, params (string Key, double Value)[] values) =>
        writer.Write(stage, step, seconds, Known(values));

    public static void Log(this StageHost host, long step, params (string Key, double Value)[] values) => host.Log(step, Known(values));

    private static (Metric, double)[] Known((string Key, double Value)[] values) =>
        Array.ConvertAll(values, value => (MetricCatalogue.Of(value.Key), value.Value));
}
