using System.Globalization;
using Spectre.Console;

namespace Rlhf.Reporting;

/// <summary>A table of results: drawn with lines on a terminal, plain aligned columns elsewhere (a file, a pipe).</summary>
public sealed class TextTable
{
    private readonly string[] headers;
    private readonly List<string[]> rows = [];

    /// <summary>Creates a table with these columns.</summary>
    public TextTable(params string[] headers) => this.headers = [.. headers.Select(Clean)];

    /// <summary>Adds a row; missing cells at its end are empty. Control characters of the cells are shown, not sent.</summary>
    public TextTable AddRow(params string[] cells)
    {
        if (cells.Length > headers.Length)
        {
            throw new ArgumentException($"The row has {cells.Length} cells, the table {headers.Length} columns.", nameof(cells));
        }

        rows.Add([.. cells.Select(Clean), .. Enumerable.Repeat("", headers.Length - cells.Length)]);
        return this;
    }

    /// <summary>Writes the table; with lines and colours if <paramref name="output"/> is a terminal.</summary>
    public void Write(TextWriter output) => Write(output, ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected);

    internal void Write(TextWriter output, bool terminal)
    {
        if (terminal)
        {
            WriteDrawn(output);
        }
        else
        {
            WritePlain(output);
        }
    }

    private void WriteDrawn(TextWriter output)
    {
        var table = new Table().Border(TableBorder.Rounded);
        for (var i = 0; i < headers.Length; i++)
        {
            var column = new TableColumn(new Text(headers[i], new Style(decoration: Decoration.Bold)));
            table.AddColumn(IsNumeric(i) ? column.RightAligned() : column);
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) }).Write(table);
    }

    private void WritePlain(TextWriter output)
    {
        var widths = headers.Select((header, i) => rows.Select(row => Width(row[i])).Append(Width(header)).Max()).ToArray();
        bool[] numeric = [.. headers.Select((_, i) => IsNumeric(i))];
        foreach (var row in rows.Prepend(headers))
        {
            var cells = row.Select((cell, i) => numeric[i] ? new string(' ', widths[i] - Width(cell)) + cell : cell + new string(' ', widths[i] - Width(cell)));
            output.WriteLine(string.Join("  ", cells).TrimEnd());
        }
    }

    private bool IsNumeric(int column) =>
        rows.Any(row => row[column].Length > 0) && rows.All(row => row[column].Length == 0 || row[column][0] is (>= '0' and <= '9') or '-' or '+');

    private static int Width(string cell) => new StringInfo(cell).LengthInTextElements;

    private static string Clean(string cell) => VisibleText.Plain(cell).Replace("\n", " ⏎ ", StringComparison.Ordinal).Replace('\t', ' ');
}
