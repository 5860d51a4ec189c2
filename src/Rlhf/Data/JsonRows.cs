using System.Buffers;
using System.Globalization;

namespace Rlhf.Data;

/// <summary>
/// Reads the rows of a JSON lines file or of a JSON array, gzipped or not; which one is decided by the content. One row is in memory at a time, and
/// none may be larger than a limit, so a file that unpacks to far more than its size does no harm.
/// </summary>
public static class JsonRows
{
    /// <summary>The most bytes of a row unless the caller says otherwise: 16 MiB.</summary>
    public const int DefaultMaximumRowBytes = Limits.RowBytes;

    /// <summary>
    /// The rows in order. Blank lines are no rows.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The file's name in positions; its path where null.</param>
    /// <param name="maximumRowBytes">The most bytes of a row.</param>
    /// <exception cref="InputException">
    /// The file cannot be read, a row is too large, or the commas and brackets between the rows of an array are wrong. A row that is wrong in
    /// itself throws from <see cref="JsonRow.Parse"/>.
    /// </exception>
    public static IEnumerable<JsonRow> Read(string path, string? name = null, int maximumRowBytes = DefaultMaximumRowBytes)
    {
        using var bytes = new TextBytes(name ?? path, path);
        bytes.SkipWhiteSpace();
        var rows = bytes.Peek() == '[' ? ReadArray(bytes, maximumRowBytes) : ReadLines(bytes, maximumRowBytes);
        foreach (var row in rows)
        {
            yield return row;
        }
    }

    private static IEnumerable<JsonRow> ReadLines(TextBytes bytes, int maximumRowBytes)
    {
        for (bytes.SkipWhiteSpace(); bytes.Peek() >= 0; bytes.SkipWhiteSpace())
        {
            var row = new RowCollector(bytes, maximumRowBytes);
            while (bytes.Peek() is >= 0 and not '\n')
            {
                row.Take();
            }

            yield return row.ToRow();
        }
    }

    private static IEnumerable<JsonRow> ReadArray(TextBytes bytes, int maximumRowBytes)
    {
        bytes.Skip();
        bytes.SkipWhiteSpace();
        for (var more = bytes.Peek() != ']'; more;)
        {
            yield return TakeValue(bytes, maximumRowBytes);
            bytes.SkipWhiteSpace();
            more = bytes.Peek() == ',';
            if (!more && bytes.Peek() != ']')
            {
                throw bytes.Error($"expected ',' or ']' after a row of the array, found {Found(bytes.Peek())}");
            }

            if (more)
            {
                bytes.Skip();
                bytes.SkipWhiteSpace();
            }
        }

        bytes.Skip();
        bytes.SkipWhiteSpace();
        if (bytes.Peek() >= 0)
        {
            throw bytes.Error($"expected the end of the file after the array, found {Found(bytes.Peek())}");
        }
    }

    /// <summary>
    /// Takes one value of an array by its brackets and quotes alone: whether it is valid is seen when the row is parsed, and a row that is not
    /// does not hide the next one.
    /// </summary>
    private static JsonRow TakeValue(TextBytes bytes, int maximumRowBytes)
    {
        var row = new RowCollector(bytes, maximumRowBytes);
        var depth = 0;
        var inText = false;
        while (true)
        {
            var next = bytes.Peek();
            if (next < 0)
            {
                throw bytes.Error("expected the rest of the array, found the end of the file");
            }

            if (!inText && depth == 0 && next is ',' or ']' or '}' or ' ' or '\t' or '\r' or '\n')
            {
                return row.Length > 0 ? row.ToRow() : throw bytes.Error($"expected a row, found {Found(next)}");
            }

            row.Take();
            if (inText && next == '\\' && bytes.Peek() >= 0)
            {
                row.Take();
            }
            else if (next == '"')
            {
                inText = !inText;
            }
            else if (!inText)
            {
                depth += next is '{' or '[' ? 1 : next is '}' or ']' ? -1 : 0;
            }

            if (!inText && depth == 0 && next is '}' or ']')
            {
                return row.ToRow();
            }
        }
    }

    private static string Found(int next) => next switch
    {
        < 0 => "the end of the file",
        >= ' ' and < 0x7F => $"'{(char)next}'",
        _ => string.Create(CultureInfo.InvariantCulture, $"the byte 0x{next:X2}"),
    };

    /// <summary>Gathers the bytes of one row.</summary>
    private sealed class RowCollector(TextBytes bytes, int maximumBytes)
    {
        private readonly RowPosition _position = bytes.Position;
        private readonly long _offset = bytes.Offset;
        private readonly ArrayBufferWriter<byte> _row = new();

        public int Length => _row.WrittenCount;

        public void Take()
        {
            if (Length == maximumBytes)
            {
                throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{_position}: expected a row of at most {maximumBytes} bytes, found a longer one"));
            }

            _row.GetSpan(1)[0] = (byte)bytes.Peek();
            _row.Advance(1);
            bytes.Skip();
        }

        public JsonRow ToRow() => new(_position, _offset, _row.WrittenSpan.ToArray());
    }
}
