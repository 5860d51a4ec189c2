using System.Buffers;
using System.Globalization;

namespace Rlhf.Data;

/// <summary>
/// Reads the rows of a JSON lines file, of a JSON array or of an object with an array (<c>data</c>, <c>rows</c>, <c>examples</c>, <c>instances</c>), packed or
/// not; which one is decided by the content. One row is in memory at a time, and
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
    /// The file cannot be read, or the commas and brackets between the rows of an array are wrong. A row that is wrong in itself, or too large,
    /// throws from <see cref="JsonRow.Parse"/>; what a row has beyond the limit is passed over and never held.
    /// </exception>
    public static IEnumerable<JsonRow> Read(string path, string? name = null, int maximumRowBytes = DefaultMaximumRowBytes)
    {
        using var bytes = new TextBytes(name ?? path, path);
        bytes.SkipWhiteSpace();
        var isNested = bytes.SkipToNestedArray();
        var rows = bytes.Peek() == '[' ? ReadArray(bytes, maximumRowBytes, isNested) : ReadLines(bytes, maximumRowBytes);
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
            while (bytes.Peek() is >= 0 and not '\n' && row.TryTake())
            {
            }

            yield return row.ToRow();
            while (row.IsTooLarge && bytes.Peek() is >= 0 and not '\n')
            {
                bytes.Skip();
            }
        }
    }

    private static IEnumerable<JsonRow> ReadArray(TextBytes bytes, int maximumRowBytes, bool isNested)
    {
        bytes.Skip();
        bytes.SkipWhiteSpace();
        for (var more = bytes.Peek() != ']'; more;)
        {
            var row = new RowCollector(bytes, maximumRowBytes);
            var end = new ValueEnd();
            Advance(bytes, end, row);
            yield return row.Length > 0 ? row.ToRow() : throw bytes.Error($"expected a row, found {Found(bytes.Peek())}");
            Advance(bytes, end, null);
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
        if (isNested)
        {
            if (bytes.Peek() != '}')
            {
                throw bytes.Error($"expected the end of the object behind its array of rows, found {Found(bytes.Peek())}: give a file of rows for each list");
            }

            bytes.Skip();
            bytes.SkipWhiteSpace();
        }

        if (bytes.Peek() >= 0)
        {
            throw bytes.Error($"expected the end of the file after the array, found {Found(bytes.Peek())}");
        }
    }

    /// <summary>Goes to the end of a value, gathering it until it is too large, or passing over it.</summary>
    private static void Advance(TextBytes bytes, ValueEnd end, RowCollector? row)
    {
        for (var next = bytes.Peek(); !end.IsAt(next); next = bytes.Peek())
        {
            if (next < 0)
            {
                throw bytes.Error("expected the rest of the array, found the end of the file");
            }

            if (row is null)
            {
                bytes.Skip();
            }
            else if (!row.TryTake())
            {
                return;
            }

            end.Pass(next);
        }
    }

    private static string Found(int next) => next switch
    {
        < 0 => "the end of the file",
        >= ' ' and < 0x7F => $"'{(char)next}'",
        _ => string.Create(CultureInfo.InvariantCulture, $"the byte 0x{next:X2}"),
    };

    /// <summary>
    /// Finds the end of a value of an array by its brackets and quotes alone: whether it is valid is seen when the row is parsed, and a row that is not
    /// does not hide the next one.
    /// </summary>
    private sealed class ValueEnd
    {
        private int _depth;
        private bool _inText;
        private bool _escaped;
        private bool _closed;

        public bool IsAt(int next) => _closed || (!_inText && _depth == 0 && (next is ',' or ']' or '}' or ' ' or '\t' or '\r' or '\n'));

        public void Pass(int next)
        {
            if (_escaped || (_inText && next == '\\'))
            {
                _escaped = !_escaped;
            }
            else if (next == '"')
            {
                _inText = !_inText;
            }
            else if (!_inText)
            {
                _depth += next is '{' or '[' ? 1 : next is '}' or ']' ? -1 : 0;
                _closed = _depth == 0 && (next is '}' or ']');
            }
        }
    }

    /// <summary>Gathers the bytes of one row.</summary>
    private sealed class RowCollector(TextBytes bytes, int maximumBytes)
    {
        private readonly RowPosition _position = bytes.Position;
        private readonly long _offset = bytes.Offset;
        private readonly ArrayBufferWriter<byte> _row = new();

        public int Length => _row.WrittenCount;

        /// <summary>Whether the row has more bytes than it may have.</summary>
        public bool IsTooLarge { get; private set; }

        /// <summary>Takes the next byte, unless the row has as many as it may have.</summary>
        public bool TryTake()
        {
            if (Length == maximumBytes)
            {
                IsTooLarge = true;
                return false;
            }

            _row.GetSpan(1)[0] = (byte)bytes.Peek();
            _row.Advance(1);
            bytes.Skip();
            return true;
        }

        public JsonRow ToRow() => IsTooLarge
            ? new(_position, new InputException(
                string.Create(CultureInfo.InvariantCulture, $"{_position}: expected a row of at most {maximumBytes} bytes, found a longer one")))
            : new(_position, _offset, _row.WrittenSpan.ToArray());
    }
}
