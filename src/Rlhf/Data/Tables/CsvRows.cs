using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Rlhf.Data.Tables;

/// <summary>
/// Rows of tables as text (RFC 4180): the first line names the columns; commas, semicolons, tabs or bars between fields; a field in quotes may hold line ends
/// and, doubled, quotes. All fields are texts, and an empty one is the empty text. Blank lines are no rows.
/// </summary>
internal sealed partial class CsvRows
{
    private const int MaximumHeader = 1 << 20;
    private const int MaximumName = 64;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TextBytes _bytes;
    private readonly int _maximumBytes;
    private readonly string[] _names;
    private readonly byte _between;
    private readonly List<byte[]> _fields = [];
    private readonly ArrayBufferWriter<byte> _field = new();
    private int _row;
    private int _rowBytes;

    private CsvRows(TextBytes bytes, int maximumBytes)
    {
        (_bytes, _maximumBytes) = (bytes, maximumBytes);
        SkipLineEnds();
        var start = bytes.Position;
        var header = HeaderLine();
        _between = Between(header);
        _names = [.. Split(header).Select(name => name.Trim())];
        CheckNames(start);
    }

    /// <summary>The rows of a file, each as an object of texts.</summary>
    /// <exception cref="InputException">The file has no names of columns, or cannot be read. A row that is wrong in itself throws from
    /// <see cref="JsonRow.Parse"/>.</exception>
    public static IEnumerable<JsonRow> Read(string path, string name, int maximumBytes)
    {
        using var bytes = new TextBytes(name, path, isTable: true);
        var rows = new CsvRows(bytes, maximumBytes);
        while (rows.Next() is { } row)
        {
            yield return row;
        }
    }

    private JsonRow? Next()
    {
        SkipLineEnds();
        if (_bytes.Peek() < 0)
        {
            return null;
        }

        var position = _bytes.Position with { Row = ++_row };
        if (ReadFields() is { } wrong)
        {
            return new JsonRow(position, new InputException($"{position}: {wrong}"));
        }

        if (_fields.FindIndex(field => !Utf8.IsValid(field)) is >= 0 and var bad)
        {
            return new JsonRow(position, new InputException(
                $"{position}: expected UTF-8, found other bytes in field {bad + 1}: save the table as UTF-8"));
        }

        return _fields.Count == _names.Length
            ? new JsonRow(position, 0, Written()) { CellsAreTexts = true }
            : new JsonRow(position, new InputException(string.Create(CultureInfo.InvariantCulture,
                $"{position}: expected {_names.Length} fields, as the first line names columns, found {_fields.Count} (a field with '{Shown(_between)}' or a line end in it must stand in quotes)")));
    }

    /// <summary>Reads the fields of a row to the end of its last line; says what is wrong with them.</summary>
    private string? ReadFields()
    {
        _fields.Clear();
        _rowBytes = 0;
        string? wrong = null;
        while (true)
        {
            wrong ??= ReadField();
            var next = _bytes.Peek();
            if (wrong is not null)
            {
                SkipLine();
                return wrong;
            }

            _fields.Add(_field.WrittenSpan.ToArray());
            if (next >= 0)
            {
                _bytes.Skip();
            }

            if (next != _between)
            {
                SkipCarriageReturn(next);
                return null;
            }

            if (_fields.Count > _names.Length)
            {
                SkipLine();
                return null; // The count is wrong already.
            }
        }
    }

    private string? ReadField()
    {
        _field.ResetWrittenCount();
        if (_bytes.Peek() != '"')
        {
            return ReadPlain();
        }

        var start = _bytes.Position;
        _bytes.Skip();
        for (var next = _bytes.Peek(); next >= 0; next = _bytes.Peek())
        {
            if (next == '"')
            {
                _bytes.Skip();
                if (_bytes.Peek() != '"')
                {
                    return _bytes.Peek() is var end && (end < 0 || end == _between || end is '\n' or '\r')
                        ? null
                        : $"expected '{Shown(_between)}' or the end of the line behind a field in quotes, found more of it (a quote within it must be doubled)";
                }
            }

            if (!TryTake())
            {
                return TooLong();
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"expected the quote that ends the field which begins at line {start.Line}, found the end of the file");
    }

    private string? ReadPlain()
    {
        for (var next = _bytes.Peek(); next >= 0 && next != _between && next is not ('\n' or '\r'); next = _bytes.Peek())
        {
            if (!TryTake())
            {
                return TooLong();
            }
        }

        return null;
    }

    private bool TryTake()
    {
        if (_rowBytes++ >= _maximumBytes)
        {
            return false;
        }

        _field.GetSpan(1)[0] = (byte)_bytes.Peek();
        _field.Advance(1);
        _bytes.Skip();
        return true;
    }

    private string TooLong() => string.Create(CultureInfo.InvariantCulture, $"expected a row of at most {_maximumBytes} bytes, found a longer one (a quote may be open)");

    private byte[] Written()
    {
        var row = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(row, Options);
        writer.WriteStartObject();
        for (var i = 0; i < _names.Length; i++)
        {
            writer.WriteString(_names[i], LineEnds(_fields[i]));
        }

        writer.WriteEndObject();
        writer.Flush();
        return row.WrittenSpan.ToArray();
    }

    /// <summary>In a file whose lines end with \r\n, those within a field do too, and mean the same as \n elsewhere.</summary>
    private static ReadOnlySpan<byte> LineEnds(byte[] field) => field.AsSpan().IndexOf("\r\n"u8) < 0
        ? field
        : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(field).Replace("\r\n", "\n", StringComparison.Ordinal));

    private string HeaderLine()
    {
        var line = new ArrayBufferWriter<byte>();
        var inQuotes = false;
        for (var next = _bytes.Peek(); next >= 0 && (inQuotes || next is not ('\n' or '\r')); next = _bytes.Peek())
        {
            inQuotes ^= next == '"';
            line.GetSpan(1)[0] = (byte)next;
            line.Advance(1);
            _bytes.Skip();
            if (line.WrittenCount > MaximumHeader)
            {
                throw _bytes.Error("expected the names of the columns, found a line of more than a million bytes");
            }
        }

        return Encoding.UTF8.GetString(line.WrittenSpan);
    }

    /// <summary>What stands between fields: the one of the four that the first line has most of, outside of quotes.</summary>
    private static byte Between(string header)
    {
        var plain = Quoted().Replace(header, "");
        return (byte)",\t;|".OrderByDescending(candidate => plain.Count(character => character == candidate)).First();
    }

    private string[] Split(string header)
    {
        List<string> names = [];
        var (start, inQuotes) = (0, false);
        for (var i = 0; i <= header.Length; i++)
        {
            if (i == header.Length || (header[i] == _between && !inQuotes))
            {
                var name = header[start..i];
                names.Add(name is ['"', .. var inner, '"'] ? inner.Replace("\"\"", "\"", StringComparison.Ordinal) : name);
                start = i + 1;
            }
            else
            {
                inQuotes ^= header[i] == '"';
            }
        }

        return [.. names];
    }

    private void CheckNames(RowPosition start)
    {
        var position = start with { Row = 1 };
        if (_names.Length > Limits.TableColumns)
        {
            throw new InputException(FormattableString.Invariant($"{start}: expected at most {Limits.TableColumns} columns, found {_names.Length}"));
        }

        for (var i = 0; i < _names.Length; i++)
        {
            // Tables that pandas wrote with their index have no name for the first column.
            if (!(i == 0 && _names.Length > 1 && _names[i].Length == 0) && (_names[i].Length > MaximumName || !ColumnName().IsMatch(_names[i])))
            {
                throw new InputException(
                    $"{position}: expected the names of the columns in the first line, found \"{VisibleStart(_names[i])}\": write a line of names (such as prompt{Shown(_between)}response) above the rows");
            }
        }

        if (_names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new InputException($"{start}: expected every column once, found \"{twice.Key}\" again");
        }
    }

    private static string VisibleStart(string text) => text.Length <= MaximumName ? text : text[..MaximumName] + "...";

    private static string Shown(byte between) => between == '\t' ? "\\t" : ((char)between).ToString();

    private void SkipLineEnds()
    {
        while (_bytes.Peek() is '\n' or '\r')
        {
            _bytes.Skip();
        }
    }

    private void SkipCarriageReturn(int last)
    {
        if (last == '\r' && _bytes.Peek() == '\n')
        {
            _bytes.Skip();
        }
    }

    private void SkipLine()
    {
        while (_bytes.Peek() is >= 0 and not '\n')
        {
            _bytes.Skip();
        }
    }

    [GeneratedRegex("\"(?:[^\"]|\"\")*\"")]
    private static partial Regex Quoted();

    // A name, and not a sentence: of at most five words, and without an end.
    [GeneratedRegex(@"^[\p{L}_][\p{L}\p{Nd}_.\-/#:()\[\]]*(?: [\p{L}\p{Nd}_.\-/#:()\[\]]+){0,4}(?<![.!?:])$")]
    private static partial Regex ColumnName();
}
