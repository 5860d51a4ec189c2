using System.Buffers.Binary;

namespace Rlhf.Data.Tables;

/// <summary>
/// Looks at the frames of an Arrow file or stream before its reader gets them: their lengths must fit the file, since the reader makes room for what they
/// say.
/// </summary>
internal static class ArrowFrames
{
    private const int MarkBytes = 8;
    private const int LargestHeader = 16 << 20;

    /// <summary>Where the first frame begins: behind the mark of a file, at the beginning of a stream.</summary>
    /// <exception cref="InvalidDataException">A frame does not fit the file, or the file is cut off.</exception>
    public static long Check(FileStream file)
    {
        var start = Read(file, 0, MarkBytes);
        var isFile = start.AsSpan().StartsWith("ARROW1"u8);
        if (isFile && (file.Length < 2 * MarkBytes || !Read(file, file.Length - 6, 6).AsSpan().SequenceEqual("ARROW1"u8)))
        {
            throw new InvalidDataException("the end of the file is missing: it does not end with ARROW1");
        }

        var first = isFile ? MarkBytes : 0L;
        for (var at = first; at < file.Length;)
        {
            var frame = Read(file, at, 8);
            if (BinaryPrimitives.ReadUInt32LittleEndian(frame) != uint.MaxValue)
            {
                throw new InvalidDataException("a frame does not begin as one (files of Arrow before 0.15 are not read)");
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(frame.AsSpan(4));
            if (length == 0)
            {
                return first; // The end of the stream.
            }

            if (length < 0 || length > LargestHeader || length > file.Length - at - 8)
            {
                throw new InvalidDataException("a frame says that its header is longer than the file, or than any is");
            }

            var message = Read(file, at + 8, length);
            CheckLists(message);
            var body = BodyLength(message);
            if (body < 0 || body > Limits.TableBatchBytes || body > file.Length - at - 8 - length)
            {
                throw new InvalidDataException($"a batch says that it has {body} bytes, more than the file has left or than are read at once (write smaller batches)");
            }

            at += 8 + length + body;
        }

        return isFile ? throw new InvalidDataException("the end of the frames is missing") : first;
    }

    /// <summary>The fourth field of the message's table.</summary>
    private static long BodyLength(ReadOnlySpan<byte> message) =>
        FieldAt(message, Root(message), 3) is { } at ? BinaryPrimitives.ReadInt64LittleEndian(message[at..]) : 0;

    /// <summary>The lists of the message's header (columns and notes of a schema, nodes and buffers of a batch) must fit it.</summary>
    private static void CheckLists(ReadOnlySpan<byte> message)
    {
        if (FieldAt(message, Root(message), 2) is not { } header)
        {
            throw new InvalidDataException("a frame without a header");
        }

        CheckTable(message, Target(message, header), FieldAt(message, Root(message), 1) is { } kind ? message[kind] : 0, 0);
    }

    /// <param name="message">The message.</param>
    /// <param name="table">The table.</param>
    /// <param name="kind">1 a schema, 2 a batch of dictionary entries, 3 a batch of rows, 0 a column.</param>
    /// <param name="depth">Levels above.</param>
    private static void CheckTable(ReadOnlySpan<byte> message, int table, int kind, int depth)
    {
        int[] lists = kind switch { 1 => [1, 2, 3], 3 => [1, 2, 4], 0 => [5, 6], _ => [] };
        foreach (var list in lists)
        {
            if (FieldAt(message, table, list) is not { } at)
            {
                continue;
            }

            var start = Target(message, at);
            var count = BinaryPrimitives.ReadInt32LittleEndian(message[start..]);
            if (count < 0 || count > (message.Length - start) / 4 || depth > JsonRow.MaximumNesting)
            {
                throw new InvalidDataException("a frame has a list that goes beyond it");
            }

            for (var i = 0; i < count && list == (kind == 1 ? 1 : kind == 0 ? 5 : -1); i++)
            {
                CheckTable(message, Target(message, start + 4 + (4 * i)), 0, depth + 1);
            }
        }

        if (kind == 2 && FieldAt(message, table, 1) is { } batch)
        {
            CheckTable(message, Target(message, batch), 3, depth + 1);
        }
    }

    private static int Root(ReadOnlySpan<byte> message) => BinaryPrimitives.ReadInt32LittleEndian(message);

    private static int Target(ReadOnlySpan<byte> message, int at) => at + BinaryPrimitives.ReadInt32LittleEndian(message[at..]);

    /// <summary>Where a field of a table stands; null where the table does not have it.</summary>
    private static int? FieldAt(ReadOnlySpan<byte> message, int table, int number)
    {
        var fields = table - BinaryPrimitives.ReadInt32LittleEndian(message[table..]);
        var place = 4 + (2 * number);
        return BinaryPrimitives.ReadUInt16LittleEndian(message[fields..]) > place
            && BinaryPrimitives.ReadUInt16LittleEndian(message[(fields + place)..]) is > 0 and var offset ? table + offset : null;
    }

    private static byte[] Read(FileStream file, long at, int length)
    {
        file.Position = at;
        var bytes = new byte[length];
        return file.ReadAtLeast(bytes, length, throwOnEndOfStream: false) == length ? bytes : throw new InvalidDataException("the file ends too early");
    }
}
