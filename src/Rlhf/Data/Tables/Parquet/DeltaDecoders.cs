using System.Buffers.Binary;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>Whole numbers as differences, in blocks of packed bits. Holds its place alone.</summary>
internal sealed class DeltaReader
{
    private const int LargestBlock = 1 << 16;

    private readonly ReadOnlyMemory<byte> _data;
    private readonly int _miniblocks;
    private readonly int _perMiniblock;
    private readonly byte[] _widths;
    private int _at;
    private long _value;
    private long _minimum;
    private int _miniblock;
    private int _inMiniblock;
    private long _given;

    public DeltaReader(ReadOnlyMemory<byte> data)
    {
        _data = data;
        var block = Bits.Number(data.Span, ref _at);
        var miniblocks = Bits.Number(data.Span, ref _at);
        if (block is 0 or > LargestBlock || miniblocks == 0 || block % miniblocks != 0 || block / miniblocks % 8 != 0)
        {
            throw new InvalidDataException("blocks of numbers have a size that cannot be");
        }

        (_miniblocks, _perMiniblock) = ((int)miniblocks, (int)(block / miniblocks));
        _widths = new byte[_miniblocks];
        Count = (long)Math.Min(Bits.Number(data.Span, ref _at), long.MaxValue);
        _value = Signed(Bits.Number(data.Span, ref _at));
        (_miniblock, _inMiniblock) = (_miniblocks, 0);
    }

    /// <summary>How many numbers there are.</summary>
    public long Count { get; }

    /// <summary>The first byte behind the numbers, when all were read.</summary>
    public int End => _at + (_inMiniblock > 0 ? _perMiniblock / 8 * _widths[_miniblock] : 0);

    /// <summary>The next number.</summary>
    public long Next()
    {
        if (_given >= Count)
        {
            throw new InvalidDataException("a page has fewer values than it says");
        }

        if (_given++ == 0)
        {
            return _value;
        }

        if (_miniblock == _miniblocks)
        {
            BeginBlock();
        }

        var width = _widths[_miniblock];
        _value += _minimum + (width == 0 ? 0 : (long)Bits.WideAt(_data.Span, (_at * 8L) + ((long)_inMiniblock * width), width));
        if (++_inMiniblock == _perMiniblock)
        {
            _at += _perMiniblock / 8 * width;
            (_miniblock, _inMiniblock) = (_miniblock + 1, 0);
        }

        return _value;
    }

    /// <summary>All numbers as lengths, for which there must be room.</summary>
    public int[] Lengths(int most)
    {
        // Even all alike they cost a few bytes a block.
        if (Count > 64 + ((long)_data.Length * 128))
        {
            throw new InvalidDataException("a page says that it has more values than fit it");
        }

        var lengths = new int[Count];
        for (var i = 0; i < lengths.Length; i++)
        {
            lengths[i] = Next() is >= 0 and var length && length <= most ? (int)length : throw new InvalidDataException("a length goes beyond the end");
        }

        return lengths;
    }

    private void BeginBlock()
    {
        _minimum = Signed(Bits.Number(_data.Span, ref _at));
        _data.Span.Slice(_at, _miniblocks).CopyTo(_widths);
        _at += _miniblocks;
        _miniblock = 0;
        if (_widths.Any(width => width > 64))
        {
            throw new InvalidDataException("numbers have too many bits");
        }
    }

    private static long Signed(ulong value) => (long)(value >> 1) ^ -(long)(value & 1);
}

/// <summary>Whole numbers as differences.</summary>
internal sealed class DeltaDecoder(ReadOnlyMemory<byte> data) : ValueDecoder
{
    private readonly DeltaReader _numbers = new(data);
    private readonly byte[] _value = new byte[sizeof(long)];

    public override ReadOnlyMemory<byte> Next()
    {
        BinaryPrimitives.WriteInt64LittleEndian(_value, _numbers.Next());
        return _value; // The lower half is a number of four bytes.
    }
}

/// <summary>All lengths first, then all bytes.</summary>
internal sealed class DeltaLengthDecoder : ValueDecoder
{
    private readonly ReadOnlyMemory<byte> _data;
    private readonly int[] _lengths;
    private int _at;
    private int _value;

    public DeltaLengthDecoder(ReadOnlyMemory<byte> data)
    {
        var numbers = new DeltaReader(data);
        (_data, _lengths, _at) = (data, numbers.Lengths(data.Length), numbers.End);
    }

    public override ReadOnlyMemory<byte> Next()
    {
        if (_value >= _lengths.Length)
        {
            throw new InvalidDataException("a page has fewer values than it says");
        }

        var bytes = _data.Slice(_at, _lengths[_value++]);
        _at += bytes.Length;
        return bytes;
    }
}

/// <summary>Each value begins with some bytes of the one before.</summary>
internal sealed class DeltaBytesDecoder : ValueDecoder
{
    private readonly int[] _prefixes;
    private readonly DeltaLengthDecoder _suffixes;
    private readonly long _most;
    private byte[] _value = [];
    private int _length;
    private int _at;
    private long _given;

    public DeltaBytesDecoder(ReadOnlyMemory<byte> data)
    {
        var numbers = new DeltaReader(data);
        _prefixes = numbers.Lengths(Limits.RowBytes);
        _suffixes = new DeltaLengthDecoder(data[numbers.End..]);
        _most = Limits.BlankBytes + ((long)data.Length * Limits.UnpackedRatio);
    }

    public override ReadOnlyMemory<byte> Next()
    {
        var suffix = _suffixes.Next();
        var prefix = _prefixes[_at++];
        _given += prefix;
        if (prefix > _length || _given > _most || prefix + suffix.Length > Limits.RowBytes)
        {
            throw new InvalidDataException("a value begins with more than the one before has, or the page unpacks to more than sound data does");
        }

        if (_value.Length < prefix + suffix.Length)
        {
            Array.Resize(ref _value, Math.Max(2 * _value.Length, prefix + suffix.Length));
        }

        suffix.Span.CopyTo(_value.AsSpan(prefix));
        _length = prefix + suffix.Length;
        return _value.AsMemory(0, _length);
    }
}
