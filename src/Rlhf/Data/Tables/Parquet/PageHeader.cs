namespace Rlhf.Data.Tables.Parquet;

/// <summary>What stands in front of a page.</summary>
internal sealed class PageHeader
{
    /// <summary>0 a data page, 2 a dictionary, 3 a data page of the second version; others are passed over.</summary>
    public int Kind { get; private set; }

    /// <summary>Bytes of the page when it is unpacked, the levels included.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of the page in the file.</summary>
    public int PackedLength { get; private set; }

    /// <summary>Its values, nulls included.</summary>
    public int Values { get; private set; }

    /// <summary>How its values are encoded.</summary>
    public int Encoding { get; private set; }

    /// <summary>Of the second version: bytes of the repetition levels.</summary>
    public int RepetitionBytes { get; private set; }

    /// <summary>Of the second version: bytes of the definition levels.</summary>
    public int DefinitionBytes { get; private set; }

    /// <summary>Of the second version: whether its values are packed.</summary>
    public bool IsPacked { get; private set; } = true;

    public static PageHeader Read(ThriftReader reader)
    {
        var header = new PageHeader();
        reader.ReadStruct((id, _) =>
        {
            switch (id)
            {
                case 1: header.Kind = reader.ReadCount(); return true;
                case 2: header.Length = reader.ReadCount(); return true;
                case 3: header.PackedLength = reader.ReadCount(); return true;
                case 5 or 7: header.ReadFirstVersion(reader); return true;
                case 8: header.ReadSecondVersion(reader); return true;
                default: return false;
            }
        });
        return header;
    }

    private void ReadFirstVersion(ThriftReader reader) => reader.ReadStruct((id, _) =>
    {
        switch (id)
        {
            case 1: Values = reader.ReadCount(); return true;
            case 2: Encoding = reader.ReadCount(); return true;
            case 3 or 4 when Kind == 0: RequireRuns(reader.ReadCount()); return true;
            default: return false;
        }
    });

    private void ReadSecondVersion(ThriftReader reader) => reader.ReadStruct((id, type) =>
    {
        switch (id)
        {
            case 1: Values = reader.ReadCount(); return true;
            case 4: Encoding = reader.ReadCount(); return true;
            case 5: DefinitionBytes = reader.ReadCount(); return true;
            case 6: RepetitionBytes = reader.ReadCount(); return true;
            case 7: IsPacked = ThriftReader.ReadBoolean(type); return false;
            default: return false;
        }
    });

    private static void RequireRuns(int encoding)
    {
        if (encoding is not (3 or 4))
        {
            throw new InvalidDataException($"levels have an encoding that is not read, number {encoding}");
        }
    }
}
