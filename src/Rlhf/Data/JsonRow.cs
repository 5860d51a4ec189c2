using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Rlhf.Data;

/// <summary>
/// One row of a data file, not yet parsed: a line of JSON lines, a value of a JSON array, or a row of a table written as an object. A row that cannot be
/// parsed says so only when <see cref="Parse"/> is called, so that a reader may go on with the next one.
/// </summary>
public sealed class JsonRow
{
    /// <summary>Levels of arrays and objects within each other that a row may have.</summary>
    public const int MaximumNesting = 32;

    private readonly byte[] _bytes;
    private readonly long _byteOffset;
    private readonly InputException? _unreadable;

    internal JsonRow(RowPosition position, long byteOffset, byte[] bytes)
    {
        Position = position;
        _byteOffset = byteOffset;
        _bytes = bytes;
    }

    /// <summary>A row that cannot be held, and why.</summary>
    internal JsonRow(RowPosition position, InputException unreadable) : this(position, 0, []) => _unreadable = unreadable;

    /// <summary>Whether the row is one of a table whose cells are texts (CSV): then a text that is a number is one where a number is asked for.</summary>
    internal bool CellsAreTexts { get; init; }

    /// <summary>Whether the row was written for what several rows, or a part of one, mean: its bytes are not those of the file.</summary>
    internal bool IsWritten { get; init; }

    /// <summary>Where the row begins.</summary>
    public RowPosition Position { get; }

    /// <summary>The row as it stands in the file.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The row's value.</summary>
    /// <exception cref="InputException">Too large, not valid UTF-8, not one JSON value, nested too deeply, or a name stands twice in an object.</exception>
    public RowValue Parse()
    {
        if (_unreadable is not null)
        {
            throw _unreadable;
        }

        CheckUtf8();
        var reader = new Utf8JsonReader(_bytes, new JsonReaderOptions { MaxDepth = MaximumNesting + 1 });
        try
        {
            reader.Read();
            var value = ReadValue(ref reader);
            reader.Read(); // Anything after the value is an error of the reader's.
            return value;
        }
        catch (JsonException e)
        {
            throw Error(OffsetOf(e), $"expected valid JSON, found {FoundAt(OffsetOf(e))} ({Reason(e)})");
        }
    }

    /// <summary>The position of a byte of this row.</summary>
    public RowPosition PositionOf(int offset)
    {
        if (Position.Row is not null || IsWritten)
        {
            return Position; // The bytes are not those of the file.
        }

        var (line, column) = (Position.Line, Position.Column);
        foreach (var b in _bytes.AsSpan(0, Math.Min(offset, _bytes.Length)))
        {
            if (b == '\n')
            {
                (line, column) = (line + 1, 1);
            }
            else if ((b & 0xC0) != 0x80)
            {
                column++; // Bytes that continue a character do not count.
            }
        }

        return new RowPosition(Position.File, line, column);
    }

    /// <summary>An error at a byte of this row.</summary>
    public InputException Error(int offset, string message) =>
        new($"{PositionOf(offset)}{(ColumnAt(offset) is { } column ? $", column \"{column}\"" : "")}: {message}");

    /// <summary>An error about a value: <c>file:line:column: expected …, found …</c>.</summary>
    public InputException Error(RowValue value, string expected) => Error(value.Offset, $"expected {expected}, found {value.Description}");

    /// <summary>The column of a table in which a byte lies; null where the row is no table's.</summary>
    private string? ColumnAt(int offset)
    {
        string? column = null;
        var reader = new Utf8JsonReader(_bytes);
        while (Position.Row is not null && reader.Read() && reader.TokenStartIndex <= offset)
        {
            column = reader is { CurrentDepth: 1, TokenType: JsonTokenType.PropertyName } ? reader.GetString() : column;
        }

        return column;
    }

    private void CheckUtf8()
    {
        if (Utf8.IsValid(_bytes))
        {
            return;
        }

        var valid = WholeFile.FirstNotUtf8(_bytes);
        throw Error(valid, string.Create(CultureInfo.InvariantCulture,
            $"expected UTF-8, found the byte 0x{_bytes[valid]:X2}, which is byte {_byteOffset + valid} of the text, counted from 0"));
    }

    private RowValue ReadValue(ref Utf8JsonReader reader)
    {
        var offset = (int)reader.TokenStartIndex;
        if (reader.CurrentDepth >= MaximumNesting && reader.TokenType is JsonTokenType.StartArray or JsonTokenType.StartObject)
        {
            throw Error(offset, string.Create(CultureInfo.InvariantCulture, $"expected at most {MaximumNesting} levels of nesting, found more"));
        }

        return reader.TokenType switch
        {
            JsonTokenType.StartObject => ReadObject(ref reader, offset),
            JsonTokenType.StartArray => ReadArray(ref reader, offset),
            JsonTokenType.String => RowValue.Scalar(JsonValueKind.String, offset, ReadString(ref reader)),
            JsonTokenType.Number => RowValue.Scalar(JsonValueKind.Number, offset, Encoding.ASCII.GetString(reader.ValueSpan)),
            JsonTokenType.True => RowValue.Scalar(JsonValueKind.True, offset),
            JsonTokenType.False => RowValue.Scalar(JsonValueKind.False, offset),
            _ => RowValue.Scalar(JsonValueKind.Null, offset),
        };
    }

    private RowValue ReadObject(ref Utf8JsonReader reader, int offset)
    {
        var properties = new Dictionary<string, RowValue>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var nameOffset = (int)reader.TokenStartIndex;
            var name = ReadString(ref reader);
            reader.Read();
            if (!properties.TryAdd(name, ReadValue(ref reader)))
            {
                throw Error(nameOffset, $"expected every name once, found \"{name}\" again");
            }
        }

        return RowValue.Object(offset, properties);
    }

    private RowValue ReadArray(ref Utf8JsonReader reader, int offset)
    {
        List<RowValue> items = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            items.Add(ReadValue(ref reader));
        }

        return RowValue.Array(offset, items);
    }

    private string ReadString(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Error((int)reader.TokenStartIndex, "expected a text, found half of a surrogate pair in it (a \\uD800 to \\uDFFF without its partner)");
        }
    }

    /// <summary>The reader counts lines and the bytes in a line from 0.</summary>
    private int OffsetOf(JsonException e)
    {
        var offset = 0;
        for (var line = 0L; line < (e.LineNumber ?? 0); line++)
        {
            offset += _bytes.AsSpan(offset).IndexOf((byte)'\n') + 1;
        }

        return (int)Math.Min(offset + (e.BytePositionInLine ?? 0), _bytes.Length);
    }

    private string FoundAt(int offset)
    {
        if (offset >= _bytes.Length)
        {
            return "the end of the row";
        }

        Rune.DecodeFromUtf8(_bytes.AsSpan(offset), out var rune, out _);
        return rune.Value < ' ' ? string.Create(CultureInfo.InvariantCulture, $"the control character U+{rune.Value:X4}") : $"'{rune}'";
    }

    private static string Reason(JsonException e)
    {
        var end = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? e.Message : e.Message[..end]).TrimEnd('.');
    }
}
