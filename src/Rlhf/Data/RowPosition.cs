using System.Globalization;

namespace Rlhf.Data;

/// <summary>Where something stands in a data file; written <c>file:line:column</c>, as editors understand it.</summary>
/// <param name="File">The file as the user named it.</param>
/// <param name="Line">Line of the (unpacked) text, from 1.</param>
/// <param name="Column">Column in characters (code points) of that line, from 1.</param>
public readonly record struct RowPosition(string File, int Line, int Column)
{
    /// <summary>The position as <c>file:line:column</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}:{Line}:{Column}");
}
