using System.Globalization;

namespace Rlhf.Reports;

/// <summary>A table of results in aligned columns; on a terminal the headers are bold.</summary>
public sealed class TextTable
{
    private const string Bold = "\e[1m";
    private const string Normal = "\e[0m";

    private readonly string[] _headers;
    private readonly List<string[]> _rows = [];

    /// <summary>Creates a table with these columns.</summary>
    public TextTable(params string[] headers) => _headers = [.. headers.Select(Clean)];

    /// <summary>Adds a row; missing cells at its end are empty. Control characters of the cells are shown, not sent.</summary>
    public TextTable AddRow(params string[] cells)
    {
        if (cells.Length > _headers.Length)
        {
            throw new ArgumentException($"The row has {cells.Length} cells, the table {_headers.Length} columns.", nameof(cells));
        }

        _rows.Add([.. cells.Select(Clean), .. Enumerable.Repeat("", _headers.Length - cells.Length)]);
        return this;
    }

    /// <summary>Writes the table; with bold headers if <paramref name="output"/> is a terminal that takes them (<c>NO_COLOR</c> is not set).</summary>
    public void Write(TextWriter output) =>
        Write(output,
            ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")));

    internal void Write(TextWriter output, bool terminal)
    {
        var widths = _headers.Select((header, i) => _rows.Select(row => Width(row[i])).Append(Width(header)).Max()).ToArray();
        bool[] numeric = [.. _headers.Select((_, i) => IsNumeric(i))];
        foreach (var row in _rows.Prepend(_headers))
        {
            var cells = row.Select((cell, i) => numeric[i] ? new string(' ', widths[i] - Width(cell)) + cell : cell + new string(' ', widths[i] - Width(cell)));
            var line = string.Join("  ", cells).TrimEnd();
            output.WriteLine(terminal && row == _headers ? $"{Bold}{line}{Normal}" : line);
        }
    }

    private bool IsNumeric(int column) =>
        _rows.Any(row => row[column].Length > 0) && _rows.All(row => row[column].Length == 0 || row[column][0] is (>= '0' and <= '9') or '-' or '+');

    private static int Width(string cell) => new StringInfo(cell).LengthInTextElements;

    private static string Clean(string cell) => VisibleText.Plain(cell).Replace("\n", " ⏎ ", StringComparison.Ordinal).Replace('\t', ' ');
}
