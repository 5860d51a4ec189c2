using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Rlhf.Reports;

/// <summary>
/// Writes metrics as a TensorBoard event file: TFRecord frames (length, masked CRC-32C of the length, payload, masked CRC-32C of the
/// payload) around protobuf <c>Event</c> messages (tensorflow/core/util/event.proto). Tags are <c>stage/metric</c>.
/// </summary>
internal sealed class TensorBoardEvents : IDisposable
{
    private const string Prefix = "events.out.tfevents.";

    private readonly string _path;
    private readonly double _startTime;
    private readonly ArrayBufferWriter<byte> _record = new(1024);
    private readonly ArrayBufferWriter<byte> _summary = new(1024);
    private readonly ArrayBufferWriter<byte> _value = new(128);
    private readonly Dictionary<(string Stage, string Metric), byte[]> _tags = [];
    private FileStream? _stream;
    private string? _stage;
    private double _stageStart;
    private double _lastSeconds;

    /// <summary>Takes the folder's event file, or names a new one after the present time, which is the file's time zero.</summary>
    public TensorBoardEvents(string folder)
    {
        Directory.CreateDirectory(folder);
        _path = Directory.EnumerateFiles(folder, Prefix + "*.rlhf").Order(StringComparer.Ordinal).FirstOrDefault()
            ?? Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{DateTimeOffset.UtcNow.ToUnixTimeSeconds():0000000000}.rlhf"));
        _startTime = double.TryParse(
            Path.GetFileName(_path)[Prefix.Length..^".rlhf".Length], NumberStyles.None, CultureInfo.InvariantCulture, out var time)
            ? time
            : DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    }

    /// <summary>Writes the whole file anew, and keeps it open for more rows.</summary>
    public void Rewrite(IReadOnlyList<MetricsRow> rows)
    {
        _stream?.Dispose();
        _stage = null;
        _stageStart = 0;
        _lastSeconds = 0;
        var beside = _path + ".tmp";
        using (_stream = new FileStream(beside, FileMode.Create, FileAccess.Write, FileShare.Read))
        {
            WriteVersion();
            foreach (var row in rows)
            {
                Write(row.Stage, row.Step, row.Seconds, [.. row.Values.Select(pair => (MetricCatalogue.Of(pair.Key), pair.Value))]);
            }

            _stream.Flush();
        }

        File.Move(beside, _path, overwrite: true);
        _stream = new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    /// <summary>Appends one row as one event.</summary>
    public void Write(string stage, long step, double seconds, ReadOnlySpan<(Metric Metric, double Value)> values)
    {
        if (_stage != stage)
        {
            // Seconds start again with each stage; wall time goes on.
            _stageStart += _lastSeconds;
            _stage = stage;
        }

        _lastSeconds = seconds;
        _summary.ResetWrittenCount();
        foreach (var (metric, number) in values)
        {
            AppendValue(Tag(stage, metric.Key), (float)number);
        }

        BeginEvent(_startTime + _stageStart + seconds);
        Key(_record, 2, 0);
        Varint(_record, (ulong)step);
        Bytes(_record, 5, _summary.WrittenSpan);
        EndEvent();
    }

    public void Dispose() => _stream?.Dispose();

    // Summary.Value { tag = 1, simple_value = 2 (float) } as field 1 of Summary.
    private void AppendValue(ReadOnlySpan<byte> tag, float number)
    {
        _value.ResetWrittenCount();
        Bytes(_value, 1, tag);
        Key(_value, 2, 5);
        BinaryPrimitives.WriteSingleLittleEndian(_value.GetSpan(4), number);
        _value.Advance(4);
        Bytes(_summary, 1, _value.WrittenSpan);
    }

    // Event { file_version = 3 }: every event file starts with it.
    private void WriteVersion()
    {
        BeginEvent(_startTime);
        Bytes(_record, 3, "brain.Event:2"u8);
        EndEvent();
    }

    // Event { wall_time = 1 (double), step = 2 (varint), summary = 5 }, after eight bytes of length and four of its checksum.
    private void BeginEvent(double wallTime)
    {
        _record.ResetWrittenCount();
        _record.GetSpan(12)[..12].Clear();
        _record.Advance(12);
        Key(_record, 1, 1);
        BinaryPrimitives.WriteDoubleLittleEndian(_record.GetSpan(8), wallTime);
        _record.Advance(8);
    }

    private void EndEvent()
    {
        Span<byte> frame = stackalloc byte[12];
        var payload = _record.WrittenSpan[12..];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, (ulong)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[8..], Crc32C.Masked(frame[..8]));
        var checksum = Crc32C.Masked(payload);
        BinaryPrimitives.WriteUInt32LittleEndian(_record.GetSpan(4), checksum);
        _record.Advance(4);
        var whole = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_record.WrittenMemory);
        frame.CopyTo(whole.Span);
        _stream!.Write(whole.Span);
    }

    private byte[] Tag(string stage, string metric)
    {
        if (!_tags.TryGetValue((stage, metric), out var tag))
        {
            tag = Encoding.UTF8.GetBytes($"{stage}/{metric}");
            _tags.Add((stage, metric), tag);
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
