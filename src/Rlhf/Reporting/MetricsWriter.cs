using System.Buffers;
using System.Text.Json;

namespace Rlhf.Reporting;

/// <summary>
/// Appends rows to <c>metrics.jsonl</c> of a run folder: one object a line, <c>{"stage":"01-sft","step":12,"seconds":3.2,"loss":2.31}</c>,
/// all values numbers except the stage. Each row is one write call, so that a kill leaves whole lines and at most one partial last line,
/// which the next <see cref="Open"/> takes away. The same rows go to TensorBoard event files in <c>events/</c>.
/// </summary>
public sealed class MetricsWriter : IDisposable
{
    private readonly string path;
    private readonly TensorBoardEvents events;
    private readonly ArrayBufferWriter<byte> buffer = new(1024);
    private readonly Utf8JsonWriter json;
    private FileStream stream;

    private MetricsWriter(string runFolder)
    {
        path = Path.Combine(runFolder, MetricsFile.Name);
        CutPartialLine(path);
        stream = OpenStream(path);
        json = new Utf8JsonWriter(buffer);
        events = new TensorBoardEvents(Path.Combine(runFolder, "events"));
        events.Rewrite(MetricsFile.Read(runFolder));
    }

    /// <summary>The file of the rows.</summary>
    public string FullPath => path;

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
    public void Write(string stage, long step, double seconds, params ReadOnlySpan<(string Name, double Value)> values)
    {
        buffer.ResetWrittenCount();
        json.Reset(buffer);
        json.WriteStartObject();
        json.WriteString("stage", stage);
        json.WriteNumber("step", step);
        WriteNumber(stage, step, "seconds", Math.Round(seconds, 3));
        foreach (var (name, value) in values)
        {
            WriteNumber(stage, step, name, value);
        }

        json.WriteEndObject();
        json.Flush();
        buffer.Write("\n"u8);
        try
        {
            stream.Write(buffer.WrittenSpan);
            events.Write(stage, step, seconds, values);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }
    }

    /// <summary>CRC-32C of all rows of a stage.</summary>
    public uint ChecksumOf(string stage) => MetricsFile.ChecksumOf(path, stage);

    /// <summary>How many rows a stage has.</summary>
    public int CountOf(string stage) => MetricsFile.ReadFile(path).Count(row => row.Stage == stage);

    /// <summary>
    /// Takes away what a resumed run will do again: the rows of <paramref name="stage"/> behind its first <paramref name="count"/>
    /// and all rows of later stages (stages are numbered: <c>02-collect</c> is later than <c>01-sft</c>). It goes by rows and not by steps, since an evaluation
    /// logs under the step of the checkpoint before it. The event files are written anew from the rows that stay.
    /// </summary>
    public void KeepFirst(string stage, int count)
    {
        var kept = new ArrayBufferWriter<byte>();
        foreach (var (row, line) in MetricsFile.ReadLines(path))
        {
            var order = MetricsFile.CompareStages(row.Stage, stage);
            if (order < 0 || (order == 0 && count-- > 0))
            {
                kept.Write(line.Span);
                kept.Write("\n"u8);
            }
        }

        stream.Dispose();
        DurableFiles.WriteAtomically(path, file => file.Write(kept.WrittenSpan));
        try
        {
            stream = OpenStream(path);
            events.Rewrite(MetricsFile.ReadFile(path));
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose()
    {
        json.Dispose();
        stream.Dispose();
        events.Dispose();
    }

    private void WriteNumber(string stage, long step, string name, double value)
    {
        if (!double.IsFinite(value))
        {
            throw new RunFailedException($"{stage}, step {step}: the metric {name} is {value}. The last checkpoint is from before this step.");
        }

        json.WriteNumber(name, value);
    }

    // No buffer of our own: a row is in the kernel's hands when Write returns.
    private static FileStream OpenStream(string path) =>
        new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    private static void CutPartialLine(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        WholeFile.RefuseSpecial(path);
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        var end = stream.Length;
        while (end > 0)
        {
            stream.Position = end - 1;
            if (stream.ReadByte() == '\n')
            {
                break;
            }

            end--;
        }

        stream.SetLength(end);
    }
}
