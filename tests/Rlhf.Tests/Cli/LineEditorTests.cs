using Rlhf.Cli;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

public sealed class LineEditorTests : IDisposable
{
    private readonly StringWriter _output = new();
    private readonly Queue<ConsoleKeyInfo> _keys = [];
    private readonly LineEditor _editor;

    public LineEditorTests() => _editor = new LineEditor(_keys.Dequeue, _output, () => 20);

    public void Dispose() => _output.Dispose();

    /// <summary>Types texts and keys, then Enter.</summary>
    private string? Type(params object[] what)
    {
        foreach (var one in what)
        {
            foreach (var key in one as string is { } text
                ? text.Select(character => new ConsoleKeyInfo(character, ConsoleKey.None, false, false, false))
                : [one is ConsoleKey named ? new ConsoleKeyInfo('\0', named, false, false, false) : (ConsoleKeyInfo)one])
            {
                _keys.Enqueue(key);
            }
        }

        _keys.Enqueue(new ConsoleKeyInfo('\r', ConsoleKey.Enter, false, false, false));
        return _editor.ReadLine("> ");
    }

    private static ConsoleKeyInfo Control(ConsoleKey letter) => new((char)(letter - ConsoleKey.A + 1), letter, false, false, control: true);

    [Fact]
    public void Lines_that_were_typed_come_back_with_the_arrow_keys()
    {
        Assert.Equal("one", Type("one"));
        Assert.Equal("two", Type("two"));
        Assert.Equal("two", Type("two")); // stands once
        Assert.Equal("", Type());
        Assert.Equal("one", Type(ConsoleKey.UpArrow, ConsoleKey.UpArrow, ConsoleKey.UpArrow));
        Assert.Equal("two!", Type(ConsoleKey.UpArrow, ConsoleKey.UpArrow, "!"));
        Assert.Equal("half a line", Type("half", ConsoleKey.UpArrow, ConsoleKey.DownArrow, " a line"));
        Assert.Equal("half a line", Type(Control(ConsoleKey.P)));
    }

    [Fact]
    public void A_line_is_changed_at_the_cursor()
    {
        Assert.Equal("abcd", Type("ad", ConsoleKey.LeftArrow, "bc"));
        Assert.Equal("xab", Type("ab", ConsoleKey.Home, "x"));
        Assert.Equal("b", Type("ab", ConsoleKey.Home, ConsoleKey.Delete));
        Assert.Equal("a", Type("ab", ConsoleKey.Backspace, ConsoleKey.RightArrow));
        Assert.Equal("ab", Type("abcd", ConsoleKey.LeftArrow, ConsoleKey.LeftArrow, Control(ConsoleKey.K)));
        Assert.Equal("cd", Type("abcd", ConsoleKey.LeftArrow, ConsoleKey.LeftArrow, Control(ConsoleKey.U)));
        Assert.Equal("one ", Type("one two ", Control(ConsoleKey.W)));
        Assert.Equal("zab", Type("ab", Control(ConsoleKey.A), "z", Control(ConsoleKey.E)));
        Assert.Equal("a b", Type("a\tb", ConsoleKey.Escape, "\0"));
    }

    [Fact]
    public void What_is_seen_as_one_is_one_for_the_cursor()
    {
        Assert.Equal("a", Type("ae\u0301", ConsoleKey.Backspace));
        Assert.Equal("x👨‍👩‍👧", Type("👨‍👩‍👧", ConsoleKey.LeftArrow, "x"));
        Assert.Equal(
            ("日本".Length * 2, 1, 2, 3), (LineEditor.Columns("日本"), LineEditor.Columns("e\u0301"), LineEditor.Columns("😀"), LineEditor.Columns("abc")));
    }

    [Fact]
    public void A_line_longer_than_the_terminal_is_shown_around_the_cursor_on_one_row()
    {
        var text = string.Concat(Enumerable.Range(0, 10).Select(i => $"word{i}"));
        Assert.Equal(text, Type(text, ConsoleKey.Home));
        var rows = _output.ToString().Split('\r').Where(row => row.StartsWith("> ", StringComparison.Ordinal))
            .Select(row => row[2..row.IndexOf('\e', StringComparison.Ordinal)]).ToArray();
        Assert.All(rows, row => Assert.InRange(row.Length, 0, 17));
        Assert.EndsWith("word9", rows[^2], StringComparison.Ordinal);
        Assert.StartsWith("word0word1", rows[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Control_D_on_an_empty_line_ends_the_input()
    {
        Assert.Null(Type(Control(ConsoleKey.D)));
        _keys.Clear();
        Assert.Equal("b", Type("ab", ConsoleKey.Home, Control(ConsoleKey.D)));
    }
}
