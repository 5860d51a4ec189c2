using System.Buffers;
using System.Text.Json;

namespace Rlhf.Reports;

/// <summary>
/// Appends rows to <c>metrics.jsonl</c> of a run folder: one object a line, <c>{"stage":"01-sft","step":12,"seconds":3.2,"loss":2.31}</c>,
/// all values numbers except the stage. The same rows go to TensorBoard event files in <c>events/</c>.
/// </summary>
public sealed class MetricsWriter : IDisposable
{
    private readonly string _path;
    private readonly TensorBoardEvents _events;
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);
    private readonly Utf8JsonWriter _json;
    private readonly JsonLines _lines;

    private MetricsWriter(string runFolder)
    {
        _path = Path.Combine(runFolder, MetricsFile.Name);
        _lines = JsonLines.Open(_path);
        _json = new Utf8JsonWriter(_buffer);
        _events = new TensorBoardEvents(Path.Combine(runFolder, "events"));
        _events.Rewrite(MetricsFile.Read(runFolder));
    }

    /// <summary>The file of the rows.</summary>
    public string FullPath => _path;

    /// <summary>Opens <c>metrics.jsonl</c> of the run folder for appending; creates it if it is absent.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public static MetricsWriter Open(string runFolder)
    {
        try
        {
            Directory.CreateDirectory(runFolder);
            return new MetricsWriter(runFolder);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(Path.Combine(runFolder, MetricsFile.Name), exception);
        }
    }

    /// <summary>Appends one row.</summary>
    /// <param name="stage">The stage's folder name, <c>01-sft</c>.</param>
    /// <param name="step">The step, from 1.</param>
    /// <param name="seconds">Seconds since the stage began (all attempts together if it was resumed).</param>
    /// <param name="values">The metrics. A metric that has no value at this step is left out.</param>
    /// <exception cref="RunFailedException">A value is not finite, or the disk refuses.</exception>
    public void Write(string stage, long step, double seconds, params ReadOnlySpan<(Metric Metric, double Value)> values)
    {
        _buffer.ResetWrittenCount();
        _json.Reset(_buffer);
        _json.WriteStartObject();
        _json.WriteString("stage", stage);
        _json.WriteNumber("step", step);
        WriteNumber(stage, step, "seconds", Math.Round(seconds, 3));
        foreach (var (metric, value) in values)
        {
            WriteNumber(stage, step,
                MetricCatalogue.Contains(metric) ? metric.Key : throw new InvalidOperationException($"{metric.Key} is in no class of metrics."), value);
        }

        _json.WriteEndObject();
        _json.Flush();
        _buffer.Write("\n"u8);
        try
        {
            _lines.Append(_buffer.WrittenSpan);
            _events.Write(stage, step, seconds, values);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(_path, exception);
        }
    }

    /// <summary>CRC-32C of all rows of a stage.</summary>
    public uint ChecksumOf(string stage) => StateOf(stage).Checksum;

    /// <summary>How many rows a stage has, and the CRC-32C of all that belong to it.</summary>
    public (int Rows, uint Checksum) StateOf(string stage)
    {
        var lines = MetricsFile.ReadLines(_path);
        return (lines.Count(pair => pair.Row.Stage == stage), MetricsFile.ChecksumOf(lines, stage));
    }

    /// <summary>
    /// Takes away what a resumed run will do again: the rows of <paramref name="stage"/> behind its first <paramref name="count"/>
    /// and all rows of later stages (stages are numbered: <c>02-collect</c> is later than <c>01-sft</c>). It goes by rows and not by steps, since an evaluation
    /// logs under the step of the checkpoint before it. The event files are written anew from the rows that stay.
    /// </summary>
    public void KeepFirst(string stage, int count)
    {
        var kept = new List<ReadOnlyMemory<byte>>();
        foreach (var (row, line) in MetricsFile.ReadLines(_path))
        {
            var order = MetricsFile.CompareStages(row.Stage, stage);
            if (order < 0 || (order == 0 && count-- > 0))
            {
                kept.Add(line);
            }
        }

        _lines.Keep(kept);
        try
        {
            _events.Rewrite(MetricsFile.ReadFile(_path));
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(_path, exception);
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        _json.Dispose();
        _lines.Dispose();
        _events.Dispose();
    }

    private void WriteNumber(string stage, long step, string name, double value)
    {
        if (!double.IsFinite(value))
        {
            throw new RunFailedException($"{stage}, step {step}: the metric {name} is {value}. The last checkpoint is from before this step.");
        }

        _json.WriteNumber(name, value);
    }
}
