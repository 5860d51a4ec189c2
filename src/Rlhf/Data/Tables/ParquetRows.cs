using Rlhf.Data.Tables.Parquet;

namespace Rlhf.Data.Tables;

/// <summary>The rows of a Parquet file.</summary>
internal static class ParquetRows
{
    /// <summary>The rows in order.</summary>
    /// <exception cref="InputException">The file is not sound.</exception>
    public static IEnumerable<JsonRow> Read(string path, string name)
    {
        using var file = Sound(name, 0, () => new ParquetFile(path));
        for (var row = 1; Sound(name, row, file.Next) is { } bytes; row++)
        {
            yield return new JsonRow(RowPosition.OfRow(name, row), 0, bytes);
        }
    }

    private static T Sound<T>(string name, int row, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InputException)
        {
            throw;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or ArgumentException or IndexOutOfRangeException
            or OverflowException or InvalidOperationException or NotSupportedException or ZstdSharp.ZstdException)
        {
            var where = row > 0 ? RowPosition.OfRow(name, row).ToString() : name;
            throw new InputException($"{where}: not a sound Parquet file: {(e is InvalidDataException ? e.Message : "its parts do not fit together")}", e);
        }
    }
}
