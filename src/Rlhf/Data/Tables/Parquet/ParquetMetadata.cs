namespace Rlhf.Data.Tables.Parquet;

/// <summary>An entry of the footer's schema.</summary>
internal sealed class SchemaElement
{
    private static readonly Dictionary<int, (Meaning Meaning, int Scale)> Converted = new()
    {
        [0] = (Meaning.Text, 0),
        [1] = (Meaning.Map, 0),
        [2] = (Meaning.Map, 0),
        [3] = (Meaning.List, 0),
        [4] = (Meaning.Text, 0),
        [6] = (Meaning.Date, 0),
        [7] = (Meaning.Time, 3),
        [8] = (Meaning.Time, 6),
        [9] = (Meaning.Timestamp, 3),
        [10] = (Meaning.Timestamp, 6),
        [11] = (Meaning.Unsigned, 0),
        [12] = (Meaning.Unsigned, 0),
        [13] = (Meaning.Unsigned, 0),
        [14] = (Meaning.Unsigned, 0),
        [19] = (Meaning.Text, 0),
    };

    private int _converted = -1;
    private int _scale;
    private (Meaning Meaning, int Scale)? _logical;

    public PhysicalType? Type { get; private set; }

    public int TypeLength { get; private set; }

    public int RepetitionType { get; private set; }

    public ReadOnlyMemory<byte> Name { get; private set; }

    public int Children { get; private set; }

    public static SchemaElement Read(ThriftReader reader)
    {
        var element = new SchemaElement();
        reader.ReadStruct((id, type) =>
        {
            switch (id)
            {
                case 1: element.Type = (PhysicalType)reader.ReadCount(); return true;
                case 2: element.TypeLength = reader.ReadCount(); return true;
                case 3: element.RepetitionType = reader.ReadCount(); return true;
                case 4: element.Name = reader.ReadBinary(); return true;
                case 5: element.Children = reader.ReadCount(); return true;
                case 6: element._converted = reader.ReadCount(); return true;
                case 7: element._scale = reader.ReadCount(); return true;
                case 10: element._logical = ReadLogical(reader); return true;
                default: return false;
            }
        });
        return element.Type > PhysicalType.FixedLengthByteArray ? throw Unknown("type of values") : element;
    }

    /// <summary>What the column means; the newer way of saying so goes before the older.</summary>
    public (Meaning Meaning, int Scale) MeaningOf() =>
        _logical is { Meaning: Meaning.Decimal } || _converted == 5 ? (Meaning.Decimal, _scale)
        : _logical ?? (Converted.TryGetValue(_converted, out var old) ? old : (Meaning.Plain, 0));

    private static (Meaning, int)? ReadLogical(ThriftReader reader)
    {
        (Meaning, int)? found = null;
        reader.ReadStruct((id, _) =>
        {
            found = id switch
            {
                1 or 4 or 12 => (Meaning.Text, 0),
                2 => (Meaning.Map, 0),
                3 => (Meaning.List, 0),
                5 => (Meaning.Decimal, 0),
                6 => (Meaning.Date, 0),
                7 => (Meaning.Time, ReadUnit(reader)),
                8 => (Meaning.Timestamp, ReadUnit(reader)),
                10 => ReadSigned(reader) ? (Meaning.Plain, 0) : (Meaning.Unsigned, 0),
                14 => (Meaning.Uuid, 0),
                15 => (Meaning.Half, 0),
                _ => null,
            };
            return id is 7 or 8 or 10;
        });
        return found;
    }

    private static int ReadUnit(ThriftReader reader)
    {
        var scale = 3;
        reader.ReadStruct((id, _) =>
        {
            if (id == 2)
            {
                reader.ReadStruct((unit, _) =>
                {
                    scale = unit * 3;
                    return false;
                });
            }

            return id == 2;
        });
        return scale is 3 or 6 or 9 ? scale : throw Unknown("unit of time");
    }

    private static bool ReadSigned(ThriftReader reader)
    {
        var signed = true;
        reader.ReadStruct((id, type) =>
        {
            signed = id == 2 ? ThriftReader.ReadBoolean(type) : signed;
            return false;
        });
        return signed;
    }

    private static InvalidDataException Unknown(string what) => new($"an unknown {what}");
}

/// <summary>Where a column of a row group lies.</summary>
/// <param name="Codec">How its pages are packed, by Parquet's number.</param>
/// <param name="Values">Its values, nulls included.</param>
/// <param name="Start">The first byte of its first page, a dictionary's or a data page.</param>
/// <param name="Length">Bytes of all its pages.</param>
internal sealed record ColumnChunk(int Codec, long Values, long Start, long Length)
{
    public static ColumnChunk Read(ThriftReader reader)
    {
        ColumnChunk? chunk = null;
        reader.ReadStruct((id, _) =>
        {
            if (id == 1)
            {
                throw new InvalidDataException("a column lies in a file of its own, which is not read");
            }

            if (id == 3)
            {
                chunk = ReadMetadata(reader);
            }

            return id == 3;
        });
        return chunk ?? throw new InvalidDataException("a column without its description (it may be encrypted)");
    }

    private static ColumnChunk ReadMetadata(ThriftReader reader)
    {
        var codec = 0;
        long values = 0, length = 0, data = -1, dictionary = -1;
        reader.ReadStruct((id, _) =>
        {
            switch (id)
            {
                case 4: codec = reader.ReadCount(); return true;
                case 5: values = reader.ReadInteger(); return true;
                case 7: length = reader.ReadInteger(); return true;
                case 9: data = reader.ReadInteger(); return true;
                case 11: dictionary = reader.ReadInteger(); return true;
                default: return false;
            }
        });

        // Some writers give 0 where there is no dictionary.
        return new ColumnChunk(codec, values, dictionary > 0 && dictionary < data ? dictionary : data, length);
    }
}

/// <summary>Rows that lie together.</summary>
/// <param name="Rows">How many.</param>
/// <param name="Columns">Where their columns lie.</param>
internal sealed record RowGroup(long Rows, IReadOnlyList<ColumnChunk> Columns);

/// <summary>The footer of a Parquet file.</summary>
/// <param name="Root">The tree of columns.</param>
/// <param name="Groups">The row groups, in order.</param>
internal sealed record ParquetMetadata(ParquetNode Root, IReadOnlyList<RowGroup> Groups)
{
    public static ParquetMetadata Read(ReadOnlyMemory<byte> footer)
    {
        var reader = new ThriftReader(footer);
        List<SchemaElement> elements = [];
        List<RowGroup> groups = [];
        reader.ReadStruct((id, _) =>
        {
            switch (id)
            {
                case 2: reader.ReadList(() => elements.Add(SchemaElement.Read(reader))); return true;
                case 4: reader.ReadList(() => groups.Add(ReadGroup(reader))); return true;
                default: return false;
            }
        });
        return new ParquetMetadata(ParquetSchema.Build(elements), groups);
    }

    private static RowGroup ReadGroup(ThriftReader reader)
    {
        long rows = 0;
        List<ColumnChunk> columns = [];
        reader.ReadStruct((id, _) =>
        {
            switch (id)
            {
                case 1: reader.ReadList(() => columns.Add(ColumnChunk.Read(reader))); return true;
                case 3: rows = reader.ReadInteger(); return true;
                default: return false;
            }
        });
        return new RowGroup(rows, columns);
    }
}
