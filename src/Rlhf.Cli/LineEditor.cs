using System.Globalization;
using System.Text;

namespace Rlhf.Cli;

/// <summary>
/// Reads lines from a terminal: arrow keys go through the line and through the lines before it, with the usual Control letters beside them. The line is shown
/// on one row, of which a long
/// one fills what is around the cursor.
/// </summary>
/// <param name="readKey">Waits for a key.</param>
/// <param name="output">The terminal.</param>
/// <param name="width">Its columns.</param>
internal sealed class LineEditor(Func<ConsoleKeyInfo> readKey, TextWriter output, Func<int> width)
{
    private const int PromptColumns = 2;
    private const int UsualWidth = 80; // where the terminal does not say

    private readonly List<string> _history = [];
    private string _text = "";
    private int _cursor; // in characters of the text, never inside of what a person sees as one
    private int _at; // in the history; behind its last line is the new one
    private string _draft = "";

    /// <summary>A line without its end; null where the input has ended (Control-D on an empty line).</summary>
    public string? ReadLine(string prompt)
    {
        (_text, _cursor, _at, _draft) = ("", 0, _history.Count, "");
        while (true)
        {
            Draw(prompt);
            var key = readKey();
            if (key.Key == ConsoleKey.Enter)
            {
                output.WriteLine();
                Remember();
                return _text;
            }

            if (IsControl(key, ConsoleKey.D) && _text.Length == 0)
            {
                output.WriteLine();
                return null;
            }

            Apply(key);
        }
    }

    private static bool IsControl(ConsoleKeyInfo key, ConsoleKey letter) => key.Key == letter && key.Modifiers == ConsoleModifiers.Control;

    private void Remember()
    {
        if (_text.Trim().Length > 0 && _text != _history.LastOrDefault())
        {
            _history.Add(_text);
        }
    }

    private void Apply(ConsoleKeyInfo key)
    {
        switch (key.Modifiers == ConsoleModifiers.Control ? Named(key.Key) : key.Key)
        {
            case ConsoleKey.LeftArrow:
                _cursor = Before(_cursor);
                break;
            case ConsoleKey.RightArrow:
                _cursor = After(_cursor);
                break;
            case ConsoleKey.Home:
                _cursor = 0;
                break;
            case ConsoleKey.End:
                _cursor = _text.Length;
                break;
            case ConsoleKey.Backspace:
                Remove(Before(_cursor), _cursor);
                break;
            case ConsoleKey.Delete:
                Remove(_cursor, After(_cursor));
                break;
            case ConsoleKey.UpArrow:
                Recall(_at - 1);
                break;
            case ConsoleKey.DownArrow:
                Recall(_at + 1);
                break;
            case ConsoleKey.K when key.Modifiers == ConsoleModifiers.Control:
                Remove(_cursor, _text.Length);
                break;
            case ConsoleKey.U when key.Modifiers == ConsoleModifiers.Control:
                Remove(0, _cursor);
                break;
            case ConsoleKey.W when key.Modifiers == ConsoleModifiers.Control:
                Remove(WordBefore(_cursor), _cursor);
                break;
            default:
                Insert(key.KeyChar);
                break;
        }
    }

    // The letters that do what a key does, as in other programs of a terminal.
    private static ConsoleKey Named(ConsoleKey letter) => letter switch
    {
        ConsoleKey.A => ConsoleKey.Home,
        ConsoleKey.E => ConsoleKey.End,
        ConsoleKey.B => ConsoleKey.LeftArrow,
        ConsoleKey.F => ConsoleKey.RightArrow,
        ConsoleKey.P => ConsoleKey.UpArrow,
        ConsoleKey.N => ConsoleKey.DownArrow,
        ConsoleKey.H => ConsoleKey.Backspace,
        ConsoleKey.D => ConsoleKey.Delete,
        _ => letter,
    };

    private void Insert(char character)
    {
        if (character == '\t' || !char.IsControl(character))
        {
            _text = _text.Insert(_cursor, (character == '\t' ? ' ' : character).ToString());
            _cursor++;
        }
    }

    private void Remove(int from, int to)
    {
        _text = _text.Remove(from, to - from);
        _cursor = from;
    }

    private void Recall(int index)
    {
        if (index < 0 || index > _history.Count)
        {
            return;
        }

        if (_at == _history.Count)
        {
            _draft = _text;
        }

        _at = index;
        _text = index == _history.Count ? _draft : _history[index];
        _cursor = _text.Length;
    }

    private int After(int index) => index < _text.Length ? index + StringInfo.GetNextTextElementLength(_text, index) : index;

    private int Before(int index)
    {
        var before = 0;
        for (var next = 0; next < index; next = After(next))
        {
            before = next;
        }

        return before;
    }

    private int WordBefore(int index)
    {
        var start = _text.AsSpan(0, index).TrimEnd().LastIndexOf(' ');
        return start + 1;
    }

    private void Draw(string prompt)
    {
        var room = (width() is > PromptColumns + 4 and var columns ? columns : UsualWidth) - PromptColumns - 1;
        var start = 0;
        while (Columns(_text.AsSpan(start, _cursor - start)) > room)
        {
            start = After(start);
        }

        var end = _cursor;
        while (end < _text.Length && Columns(_text.AsSpan(start, After(end) - start)) <= room)
        {
            end = After(end);
        }

        output.Write($"\r{prompt}{_text[start..end]}\e[K\r\e[{PromptColumns + Columns(_text.AsSpan(start, _cursor - start))}C");
        output.Flush();
    }

    /// <summary>Columns that a terminal takes for a text: two for the wide characters of East Asia and emoji, none for marks.</summary>
    internal static int Columns(ReadOnlySpan<char> text)
    {
        var columns = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            columns += Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
                ? 0
                : IsWide(rune.Value) ? 2
                : 1;
        }

        return columns;
    }

    private static bool IsWide(int code) =>
        code is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0x303E) or (>= 0x3041 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
        or (>= 0x1F300 and <= 0x1F64F) or (>= 0x1F900 and <= 0x1F9FF)
        or (>= 0x20000 and <= 0x3FFFD);
}
