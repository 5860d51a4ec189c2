using System.Globalization;

namespace Rlhf.Data;

/// <summary>Where something stands in a data file; written <c>file:line:column</c>, as editors understand it.</summary>
/// <param name="File">The file as the user named it.</param>
/// <param name="Line">Line of the (unpacked) text, from 1.</param>
/// <param name="Column">Column in characters (code points) of that line, from 1.</param>
public readonly record struct RowPosition(string File, int Line, int Column)
{
    /// <summary>The number of the row from 1, where rows are those of a table; null for lines of JSON.</summary>
    public int? Row { get; init; }

    /// <summary>A row of a file that has no lines, as Parquet.</summary>
    public static RowPosition OfRow(string file, int row) => new(file, 0, 0) { Row = row };

    /// <summary>The position as <c>file:line:column</c>; in a table with the row.</summary>
    public override string ToString() => Row is not { } row
        ? string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}:{Column}")
        : Line == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{File}: row {row}")
            : string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}:{Column} (row {row})");
}
