using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Reads the header of a GGUF file from its beginning, little-endian. No length is believed before the file is long enough for it.</summary>
internal sealed class GgufReader(string path, SafeFileHandle handle)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly long _length = RandomAccess.GetLength(handle);
    private readonly byte[] _buffer = new byte[1 << 16];
    private long _bufferStart;
    private int _buffered;

    /// <summary>The next byte's place in the file.</summary>
    public long Position { get; private set; }

    /// <summary>Bytes that follow.</summary>
    public long Remaining => _length - Position;

    public byte Byte() => Next(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Next(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Next(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Next(8));

    /// <summary>A number of items that have some bytes each at least.</summary>
    public long Count(string what, int leastBytes)
    {
        var count = UInt64();
        return count <= (ulong)(Remaining / leastBytes)
            ? (long)count
            : throw Damaged(FormattableString.Invariant($"it announces {count} {what}, more than its {_length} bytes can hold"));
    }

    /// <summary>A text with its length in front.</summary>
    public string Text(string what)
    {
        var length = (int)TextLength(what);
        var bytes = length <= _buffer.Length ? Next(length) : Long(length);
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException exception)
        {
            throw new InputException(Damaged($"{what} is not UTF-8").Message, exception);
        }
    }

    /// <summary>Passes over a text.</summary>
    public void SkipText(string what) => Skip(TextLength(what));

    /// <summary>Passes over bytes.</summary>
    public void Skip(long bytes)
    {
        if (bytes > Remaining)
        {
            throw CutOff();
        }

        Position += bytes;
        RequireSmallHeader();
    }

    public InputException Damaged(string what) => new($"{path}: {what}. The file is damaged or no GGUF: fetch it again.");

    private long TextLength(string what)
    {
        var length = UInt64();
        return length <= (ulong)Math.Min(Remaining, Limits.GgufText)
            ? (long)length
            : throw Damaged(FormattableString.Invariant($"{what} announces {length} bytes; the file has {Remaining} more, and texts have {Limits.GgufText} at most"));
    }

    private ReadOnlySpan<byte> Next(int count)
    {
        if (count > Remaining)
        {
            throw CutOff();
        }

        if (Position < _bufferStart || Position + count > _bufferStart + _buffered)
        {
            _bufferStart = Position;
            _buffered = (int)Math.Min(_buffer.Length, Remaining);
            FileParts.Read(path, handle, Position, _buffer.AsSpan(0, _buffered));
            RequireSmallHeader();
        }

        var bytes = _buffer.AsSpan((int)(Position - _bufferStart), count);
        Position += count;
        return bytes;
    }

    private byte[] Long(int count)
    {
        var bytes = new byte[count];
        FileParts.Read(path, handle, Position, bytes);
        Skip(count);
        return bytes;
    }

    private void RequireSmallHeader()
    {
        if (Position > Limits.GgufHeader)
        {
            throw Damaged(FormattableString.Invariant($"the description of the model is longer than {Limits.GgufHeader} bytes"));
        }
    }

    private InputException CutOff() => Damaged(FormattableString.Invariant($"it ends after {_length} bytes, within the description of the model"));
}
