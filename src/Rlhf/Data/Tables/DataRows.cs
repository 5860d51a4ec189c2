namespace Rlhf.Data.Tables;

/// <summary>
/// The rows of a data file, whatever it is: JSON lines, a JSON array, a table as text, Parquet or Arrow. What a file is its first bytes say; a table as text
/// has none of its own and is told by its name (<c>.csv</c>, <c>.tsv</c>). One row is in memory at a time, of Parquet a page a column, of Arrow a batch.
/// </summary>
public static class DataRows
{
    private static readonly string[] TextTables = [".csv", ".tsv", ".tab"];
    private static readonly string[] ArrowNames = [".arrow", ".feather", ".ipc", ".arrows"];

    /// <summary>The rows in order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The file's name in positions; its path where null.</param>
    /// <param name="maximumRowBytes">The most bytes of a row.</param>
    /// <exception cref="InputException">The file cannot be read or is broken. A row that is wrong in itself throws from
    /// <see cref="JsonRow.Parse"/>.</exception>
    public static IEnumerable<JsonRow> Read(string path, string? name = null, int maximumRowBytes = JsonRows.DefaultMaximumRowBytes)
    {
        var shown = name ?? path;
        var start = DataStream.StartOf(shown, path).AsSpan();
        var ending = Path.GetExtension(DataStream.WithoutPacking(shown)).ToLowerInvariant();
        if (start.StartsWith("PAR1"u8) || start.StartsWith("PARE"u8))
        {
            return ParquetRows.Read(path, shown);
        }

        if (start.StartsWith("ARROW1"u8) || start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFF, 0xFF, 0xFF]))
        {
            return ArrowRows.Read(path, shown);
        }

        if (ending == ".parquet" || ArrowNames.Contains(ending))
        {
            throw new InputException(
                $"{shown}: the name says {(ending == ".parquet" ? "Parquet" : "Arrow")}, and the file does not begin as such a file does: name it for what it is, or unpack it.");
        }

        return TextTables.Contains(ending) ? CsvRows.Read(path, shown, maximumRowBytes) : JsonRows.Read(path, shown, maximumRowBytes);
    }
}
