using System.Buffers.Binary;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>The values of a page one by one, each as the bytes that it has when nothing encodes it.</summary>
internal abstract class ValueDecoder
{
    /// <summary>The next value; good until the next one is asked for.</summary>
    public abstract ReadOnlyMemory<byte> Next();

    /// <summary>The decoder of an encoding.</summary>
    /// <param name="encoding">Parquet's number of it.</param>
    /// <param name="node">The column.</param>
    /// <param name="data">The values of the page.</param>
    /// <param name="dictionary">The values of the column's dictionary page; null where it has none.</param>
    public static ValueDecoder Of(int encoding, ParquetNode node, ReadOnlyMemory<byte> data, ReadOnlyMemory<byte>[]? dictionary) => (encoding, node.Type) switch
    {
        (0, PhysicalType.Boolean) => new BitDecoder(data),
        (0, _) => new PlainDecoder(node, data),
        (2 or 8, _) => new DictionaryDecoder(data, dictionary ?? throw new InvalidDataException("a page needs a dictionary that is not there")),
        (3, PhysicalType.Boolean) => new RunDecoder(data[4..]),
        (5, PhysicalType.Int32 or PhysicalType.Int64) => new DeltaDecoder(data),
        (6, PhysicalType.ByteArray) => new DeltaLengthDecoder(data),
        (7, PhysicalType.ByteArray or PhysicalType.FixedLengthByteArray) => new DeltaBytesDecoder(data),
        (9, PhysicalType.Int32 or PhysicalType.Int64 or PhysicalType.Float or PhysicalType.Double or PhysicalType.FixedLengthByteArray) =>
            new SplitDecoder(data, PlainDecoder.WidthOf(node)),
        _ => throw new InvalidDataException($"the column \"{node.Name}\" has an encoding that is not read, number {encoding}"),
    };
}

/// <summary>Values as they are.</summary>
internal sealed class PlainDecoder(ParquetNode node, ReadOnlyMemory<byte> data) : ValueDecoder
{
    private int _at;

    /// <summary>Bytes of a value; 0 where each says so itself.</summary>
    public static int WidthOf(ParquetNode node) => node.Type switch
    {
        PhysicalType.Int32 or PhysicalType.Float => 4,
        PhysicalType.Int64 or PhysicalType.Double => 8,
        PhysicalType.Int96 => 12,
        PhysicalType.FixedLengthByteArray => node.TypeLength > 0 ? node.TypeLength : throw new InvalidDataException("values of no length"),
        _ => 0,
    };

    public bool IsAtEnd => _at >= data.Length;

    public override ReadOnlyMemory<byte> Next()
    {
        var width = WidthOf(node);
        if (width == 0)
        {
            width = BinaryPrimitives.ReadInt32LittleEndian(data.Span[_at..]);
            _at += sizeof(int);
        }

        var value = data.Slice(_at, width);
        _at += width;
        return value;
    }
}

/// <summary>Truth values, a bit each.</summary>
internal sealed class BitDecoder(ReadOnlyMemory<byte> data) : ValueDecoder
{
    private readonly byte[] _value = new byte[1];
    private long _bit;

    public override ReadOnlyMemory<byte> Next()
    {
        _value[0] = (byte)Bits.At(data.Span, _bit++, 1);
        return _value;
    }
}

/// <summary>Truth values in runs.</summary>
internal sealed class RunDecoder(ReadOnlyMemory<byte> data) : ValueDecoder
{
    private readonly RunReader _runs = new(data, 1);
    private readonly byte[] _value = new byte[1];

    public override ReadOnlyMemory<byte> Next()
    {
        _value[0] = (byte)_runs.Next();
        return _value;
    }
}

/// <summary>Numbers of entries of a dictionary.</summary>
internal sealed class DictionaryDecoder(ReadOnlyMemory<byte> data, ReadOnlyMemory<byte>[] dictionary) : ValueDecoder
{
    // A page whose values are all null may be empty.
    private readonly RunReader _runs = data.Length == 0 ? new RunReader(data, 1)
        : data.Span[0] <= 32 ? new RunReader(data[1..], data.Span[0])
        : throw new InvalidDataException("numbers of a dictionary have too many bits");

    public override ReadOnlyMemory<byte> Next() => dictionary[_runs.Next()];
}

/// <summary>Values whose first bytes all come first, then their second ones, and so on.</summary>
internal sealed class SplitDecoder(ReadOnlyMemory<byte> data, int width) : ValueDecoder
{
    private readonly byte[] _value = new byte[width];
    private readonly int _count = data.Length / width;
    private int _at;

    public override ReadOnlyMemory<byte> Next()
    {
        if (_at >= _count)
        {
            throw new InvalidDataException("a page has fewer values than it says");
        }

        for (var i = 0; i < _value.Length; i++)
        {
            _value[i] = data.Span[(i * _count) + _at];
        }

        _at++;
        return _value;
    }
}
