using System.Globalization;

namespace Rlhf.Reports;

/// <summary>One row of <c>metrics.jsonl</c>.</summary>
/// <param name="Stage">The stage's folder name, <c>01-sft</c>.</param>
/// <param name="Step">The step, from 1.</param>
/// <param name="Seconds">Seconds since the stage began.</param>
/// <param name="Values">The metrics of the row by name.</param>
public sealed record MetricsRow(string Stage, long Step, double Seconds, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>The value of a metric; null where the row has none.</summary>
    public double? Of(Metric metric) => Values.TryGetValue(metric.Key, out var value) ? value : null;
}

/// <summary>Reads <c>metrics.jsonl</c>.</summary>
public static class MetricsFile
{
    /// <summary>The file's name in a run folder.</summary>
    public const string Name = "metrics.jsonl";

    /// <summary>Reads all rows of the run folder, in order; none if the file is absent. A partial last line (a killed run) is left out.</summary>
    /// <exception cref="InputException">A line is not a row, or the file cannot be read.</exception>
    public static IReadOnlyList<MetricsRow> Read(string runFolder) => ReadFile(Path.Combine(runFolder, Name));

    /// <summary>CRC-32C of the lines of a stage, as they stand in the file; those of its second trainer (<c>04-reward-second</c>) belong to it.</summary>
    internal static uint ChecksumOf(string path, string stage) => ChecksumOf(ReadLines(path), stage);

    internal static uint ChecksumOf(IEnumerable<(MetricsRow Row, ReadOnlyMemory<byte> Line)> lines, string stage) => lines
        .Where(pair => pair.Row.Stage == stage || pair.Row.Stage.StartsWith(stage + "-", StringComparison.Ordinal))
        .Aggregate(0u, (crc, pair) => Crc32C.Compute(pair.Line.Span, crc));

    internal static IReadOnlyList<MetricsRow> ReadFile(string path) => ReadLines(path).ConvertAll(pair => pair.Row);

    internal static List<(MetricsRow Row, ReadOnlyMemory<byte> Line)> ReadLines(string path)
    {
        var rows = new List<(MetricsRow, ReadOnlyMemory<byte>)>();
        foreach (var (i, line) in JsonLines.Read(path).Index())
        {
            if (!line.Span.Trim(" \t\r"u8).IsEmpty)
            {
                rows.Add((Parse(path, i + 1, line), line));
            }
        }

        return rows;
    }

    /// <summary>Orders stages by the number before the first '-', then by name.</summary>
    public static int CompareStages(string left, string right)
    {
        var byNumber = Number(left).CompareTo(Number(right));
        return byNumber != 0 ? byNumber : string.CompareOrdinal(left, right);

        static int Number(string stage) =>
            int.TryParse(stage.AsSpan(0, Math.Max(0, stage.IndexOf('-'))), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : int.MaxValue;
    }

    private static MetricsRow Parse(string path, int number, ReadOnlyMemory<byte> line)
    {
        const string Row = "a row of metrics (stage, step and numbers)";
        try
        {
            string? stage = null;
            long? step = null;
            var seconds = 0.0;
            var values = new Dictionary<string, double>();
            foreach (var property in StrictJson.Line(path, number, line, Row).EnumerateObject())
            {
                switch (property.Name)
                {
                    case "stage":
                        stage = property.Value.GetString();
                        break;
                    case "step":
                        step = property.Value.GetInt64();
                        break;
                    case "seconds":
                        seconds = property.Value.GetDouble();
                        break;
                    default:
                        values[property.Name] = property.Value.GetDouble();
                        break;
                }
            }

            return stage is null || step is null
                ? throw InputException.At(path, number, 1, "a row of metrics needs \"stage\" and \"step\"")
                : new MetricsRow(stage, step.Value, seconds, values);
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException)
        {
            throw InputException.At(path, number, 1, $"not {Row}: {FailureText.Of(exception)}");
        }
    }
}
