namespace Rlhf.Data.Tables.Parquet;

/// <summary>Reads Thrift's compact protocol, in which Parquet writes its footer and its page headers. No length is believed before the bytes are
/// there.</summary>
/// <param name="data">The bytes, from the first field of a structure on.</param>
internal sealed class ThriftReader(ReadOnlyMemory<byte> data)
{
    private const int MaximumNesting = 32;
    private const int True = 1, False = 2, Byte = 3, Binary = 8, List = 9, Set = 10, Map = 11, Struct = 12, Double = 7;

    private int _nesting;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>Reads a structure.</summary>
    /// <param name="field">Given the number and the type of a field, reads its value and returns true, or returns false to have it passed over.</param>
    public void ReadStruct(Func<int, int, bool> field)
    {
        if (++_nesting > MaximumNesting)
        {
            throw new InvalidDataException("structures are nested too deeply");
        }

        var id = 0;
        for (var header = Next(); header != 0; header = Next())
        {
            var type = header & 15;
            id = header >> 4 == 0 ? (int)ReadInteger() : id + (header >> 4);
            if (!field(id, type))
            {
                Skip(type);
            }
        }

        _nesting--;
    }

    /// <summary>Reads a list.</summary>
    /// <param name="item">Reads one item.</param>
    public void ReadList(Action item)
    {
        var (count, _) = ReadListHeader();
        for (var i = 0; i < count; i++)
        {
            item();
        }
    }

    /// <summary>A whole number of any width.</summary>
    public long ReadInteger()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Next();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return (long)(value >> 1) ^ -(long)(value & 1);
            }
        }

        throw new InvalidDataException("a number has too many bytes");
    }

    /// <summary>A whole number that must be at least 0 and fit 31 bits.</summary>
    public int ReadCount() => ReadInteger() is >= 0 and <= int.MaxValue and var value
        ? (int)value
        : throw new InvalidDataException("a length is negative or too large");

    /// <summary>A text, or bytes.</summary>
    public ReadOnlyMemory<byte> ReadBinary()
    {
        var length = ReadLength();
        var bytes = data.Slice(Position, length);
        Position += bytes.Length;
        return bytes;
    }

    /// <summary>A truth value, which stands in the field's type.</summary>
    public static bool ReadBoolean(int type) => type == True;

    private int ReadLength()
    {
        // Lengths are plain numbers, not zigzag ones.
        ulong value = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            var next = Next();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value <= (ulong)(data.Length - Position) ? (int)value : throw new InvalidDataException("a length goes beyond the end");
            }
        }

        throw new InvalidDataException("a length has too many bytes");
    }

    private (int Count, int Type) ReadListHeader()
    {
        var header = Next();
        var count = header >> 4;
        if (count == 15)
        {
            count = ReadLength();
        }

        return count <= data.Length - Position ? (count, header & 15) : throw new InvalidDataException("a list goes beyond the end");
    }

    private void Skip(int type)
    {
        switch (type)
        {
            case True or False:
                break;
            case Byte:
                Next();
                break;
            case 4 or 5 or 6:
                ReadInteger();
                break;
            case Double:
                Move(sizeof(double));
                break;
            case Binary:
                ReadBinary();
                break;
            case List or Set:
                SkipList();
                break;
            case Map:
                SkipMap();
                break;
            case Struct:
                ReadStruct((_, _) => false);
                break;
            default:
                throw new InvalidDataException("a field of an unknown type");
        }
    }

    private void SkipList()
    {
        var (count, type) = ReadListHeader();
        for (var i = 0; i < count; i++)
        {
            SkipItem(type);
        }
    }

    private void SkipMap()
    {
        var count = ReadLength();
        var types = count > 0 ? Next() : 0;
        for (var i = 0; i < count; i++)
        {
            SkipItem(types >> 4);
            SkipItem(types & 15);
        }
    }

    /// <summary>In a list a truth value has a byte of its own.</summary>
    private void SkipItem(int type)
    {
        if (++_nesting > MaximumNesting)
        {
            throw new InvalidDataException("lists are nested too deeply");
        }

        Skip(type is True or False ? Byte : type);
        _nesting--;
    }

    private byte Next() => Position < data.Length ? data.Span[Position++] : throw new InvalidDataException("it ends too early");

    private void Move(int bytes)
    {
        _ = data.Slice(Position, bytes);
        Position += bytes;
    }

}
