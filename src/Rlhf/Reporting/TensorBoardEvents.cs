using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Rlhf.Reporting;

/// <summary>
/// Writes metrics as a TensorBoard event file: TFRecord frames (length, masked CRC-32C of the length, payload, masked CRC-32C of the
/// payload) around protobuf <c>Event</c> messages (tensorflow/core/util/event.proto). Tags are <c>stage/metric</c>.
/// </summary>
internal sealed class TensorBoardEvents : IDisposable
{
    private const string Prefix = "events.out.tfevents.";

    private readonly string path;
    private readonly double startTime;
    private readonly ArrayBufferWriter<byte> record = new(1024);
    private readonly ArrayBufferWriter<byte> summary = new(1024);
    private readonly ArrayBufferWriter<byte> value = new(128);
    private readonly Dictionary<(string Stage, string Metric), byte[]> tags = [];
    private FileStream? stream;
    private string? stage;
    private double stageStart;
    private double lastSeconds;

    /// <summary>Takes the folder's event file, or names a new one after the present time, which is the file's time zero.</summary>
    public TensorBoardEvents(string folder)
    {
        Directory.CreateDirectory(folder);
        path = Directory.EnumerateFiles(folder, Prefix + "*.rlhf").Order(StringComparer.Ordinal).FirstOrDefault()
            ?? Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{DateTimeOffset.UtcNow.ToUnixTimeSeconds():0000000000}.rlhf"));
        startTime = double.TryParse(
            Path.GetFileName(path)[Prefix.Length..^".rlhf".Length], NumberStyles.None, CultureInfo.InvariantCulture, out var time)
            ? time
            : DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    }

    /// <summary>Writes the whole file anew, and keeps it open for more rows.</summary>
    public void Rewrite(IReadOnlyList<MetricsRow> rows)
    {
        stream?.Dispose();
        stage = null;
        stageStart = 0;
        lastSeconds = 0;
        var beside = path + ".tmp";
        using (stream = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.Read))
        {
            WriteVersion();
            foreach (var row in rows)
            {
                Write(row.Stage, row.Step, row.Seconds, [.. row.Values.Select(pair => (pair.Key, pair.Value))]);
            }

            stream.Flush();
        }

        File.Move(beside, path, overwrite: true);
        stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    /// <summary>Appends one row as one event.</summary>
    public void Write(string stage, long step, double seconds, ReadOnlySpan<(string Name, double Value)> values)
    {
        if (this.stage != stage)
        {
            // Seconds start again with each stage; wall time goes on.
            stageStart += lastSeconds;
            this.stage = stage;
        }

        lastSeconds = seconds;
        summary.ResetWrittenCount();
        foreach (var (name, number) in values)
        {
            AppendValue(Tag(stage, name), (float)number);
        }

        BeginEvent(startTime + stageStart + seconds);
        Key(record, 2, 0);
        Varint(record, (ulong)step);
        Bytes(record, 5, summary.WrittenSpan);
        EndEvent();
    }

    public void Dispose() => stream?.Dispose();

    // Summary.Value { tag = 1, simple_value = 2 (float) } as field 1 of Summary.
    private void AppendValue(ReadOnlySpan<byte> tag, float number)
    {
        value.ResetWrittenCount();
        Bytes(value, 1, tag);
        Key(value, 2, 5);
        BinaryPrimitives.WriteSingleLittleEndian(value.GetSpan(4), number);
        value.Advance(4);
        Bytes(summary, 1, value.WrittenSpan);
    }

    // Event { file_version = 3 }: every event file starts with it.
    private void WriteVersion()
    {
        BeginEvent(startTime);
        Bytes(record, 3, "brain.Event:2"u8);
        EndEvent();
    }

    // Event { wall_time = 1 (double), step = 2 (varint), summary = 5 }, after eight bytes of length and four of its checksum.
    private void BeginEvent(double wallTime)
    {
        record.ResetWrittenCount();
        record.GetSpan(12)[..12].Clear();
        record.Advance(12);
        Key(record, 1, 1);
        BinaryPrimitives.WriteDoubleLittleEndian(record.GetSpan(8), wallTime);
        record.Advance(8);
    }

    private void EndEvent()
    {
        Span<byte> frame = stackalloc byte[12];
        var payload = record.WrittenSpan[12..];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], Crc32C.Masked(frame[..8]));
        var checksum = Crc32C.Masked(payload);
        BinaryPrimitives.WriteUInt32LittleEndian(record.GetSpan(4), checksum);
        record.Advance(4);
        var whole = System.Runtime.InteropServices.MemoryMarshal.AsMemory(record.WrittenMemory);
        frame.CopyTo(whole.Span);
        stream!.Write(whole.Span);
    }

    private byte[] Tag(string stage, string metric)
    {
        if (!tags.TryGetValue((stage, metric), out var tag))
        {
            tag = Encoding.UTF8.GetBytes($"{stage}/{metric}");
            tags.Add((stage, metric), tag);
        }

        return tag;
    }

    private static void Key(ArrayBufferWriter<byte> to, int field, int wireType) => Varint(to, (ulong)((field << 3) | wireType));

    private static void Bytes(ArrayBufferWriter<byte> to, int field, ReadOnlySpan<byte> bytes)
    {
        Key(to, field, 2);
        Varint(to, (ulong)bytes.Length);
        to.Write(bytes);
    }

    private static void Varint(ArrayBufferWriter<byte> to, ulong number)
    {
        for (; number >= 0x80; number >>= 7)
        {
            to.Write([(byte)(number | 0x80)]);
        }

        to.Write([(byte)number]);
    }
}
