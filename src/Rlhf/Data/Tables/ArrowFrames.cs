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

            var body = BodyLength(Read(file, at + 8, length));
            if (body < 0 || body > Limits.TableBatchBytes || body > file.Length - at - 8 - length)
            {
                throw new InvalidDataException($"a batch says that it has {body} bytes, more than the file has left or than are read at once (write smaller batches)");
            }

            at += 8 + length + body;
        }

        return isFile ? throw new InvalidDataException("the end of the frames is missing") : first;
    }

    /// <summary>The fourth field of the message's table.</summary>
    private static long BodyLength(ReadOnlySpan<byte> message)
    {
        const int field = 4 + (3 * 2);
        var table = BinaryPrimitives.ReadInt32LittleEndian(message);
        var fields = table - BinaryPrimitives.ReadInt32LittleEndian(message[table..]);
        if (BinaryPrimitives.ReadUInt16LittleEndian(message[fields..]) <= field)
        {
            return 0;
        }

        var offset = BinaryPrimitives.ReadUInt16LittleEndian(message[(fields + field)..]);
        return offset == 0 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(message[(table + offset)..]);
    }

    private static byte[] Read(FileStream file, long at, int length)
    {
        file.Position = at;
        var bytes = new byte[length];
        return file.ReadAtLeast(bytes, length, throwOnEndOfStream: false) == length ? bytes : throw new InvalidDataException("the file ends too early");
    }
}
