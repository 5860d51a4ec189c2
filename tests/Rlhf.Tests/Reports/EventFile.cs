using System.Buffers.Binary;
using System.Text;

namespace Rlhf.Tests.Reports;

/// <summary>A reader of TensorBoard event files that shares no code with the writer: checksums bit by bit, protobuf field by field.</summary>
internal static class EventFile
{
    public sealed record Event(double WallTime, long Step, string? Version, IReadOnlyDictionary<string, float> Scalars);

    public static List<Event> Read(string path)
    {
        var bytes = JsonLines.ReadWhileWritten(path).ToArray();
        var events = new List<Event>();
        var at = 0;
        while (at < bytes.Length)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.Equal(Mask(BitwiseCrc(bytes.AsSpan(at, 8))), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            var payload = bytes.AsSpan(at + 12, length);
            Assert.Equal(Mask(BitwiseCrc(payload)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            events.Add(ParseEvent(payload));
            at += 16 + length;
        }

        Assert.Equal(bytes.Length, at);
        return events;
    }

    public static uint BitwiseCrc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0x82F63B78u);
            }
        }

        return ~crc;
    }

    private static uint Mask(uint crc) => unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);

    private static Event ParseEvent(ReadOnlySpan<byte> message)
    {
        var (wall, step, version, scalars) = (0.0, 0L, (string?)null, new Dictionary<string, float>());
        while (!message.IsEmpty)
        {
            switch (Varint(ref message))
            {
                case (1 << 3) | 1:
                    wall = BinaryPrimitives.ReadDoubleLittleEndian(message);
                    message = message[8..];
                    break;
                case (2 << 3) | 0:
                    step = (long)Varint(ref message);
                    break;
                case (3 << 3) | 2:
                    version = Encoding.UTF8.GetString(Bytes(ref message));
                    break;
                case (5 << 3) | 2:
                    ParseSummary(Bytes(ref message), scalars);
                    break;
                case var key:
                    Assert.Fail($"unexpected key {key}");
                    break;
            }
        }

        return new Event(wall, step, version, scalars);
    }

    private static void ParseSummary(ReadOnlySpan<byte> message, Dictionary<string, float> scalars)
    {
        while (!message.IsEmpty)
        {
            Assert.Equal(10UL, Varint(ref message));
            var value = Bytes(ref message);
            Assert.Equal(10UL, Varint(ref value));
            var tag = Encoding.UTF8.GetString(Bytes(ref value));
            Assert.Equal((ulong)((2 << 3) | 5), Varint(ref value));
            scalars.Add(tag, BinaryPrimitives.ReadSingleLittleEndian(value));
            Assert.Equal(4, value.Length);
        }
    }

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        var (number, shift) = (0UL, 0);
        while (true)
        {
            var next = bytes[0];
            bytes = bytes[1..];
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return number;
            }

            shift += 7;
        }
    }

    private static ReadOnlySpan<byte> Bytes(ref ReadOnlySpan<byte> bytes)
    {
        var length = (int)Varint(ref bytes);
        var result = bytes[..length];
        bytes = bytes[length..];
        return result;
    }
}
