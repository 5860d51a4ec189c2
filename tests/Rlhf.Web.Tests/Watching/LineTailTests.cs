using System.Text;
using Rlhf.Web.Watching;

namespace Rlhf.Web.Tests.Watching;

public sealed class LineTailTests : IDisposable
{
    private const int Longest = 40;

    private readonly string _file = Path.GetTempFileName();
    private readonly List<string> _lines = [];
    private int _replaced;

    public void Dispose() => File.Delete(_file);

    private void Look(LineTail tail) => tail.Look(() =>
    {
        _replaced++;
        _lines.Clear();
    }, line => _lines.Add(Encoding.UTF8.GetString(line)));

    [Fact]
    public void Only_whole_new_lines_are_read()
    {
        var tail = new LineTail(_file, Longest);
        Look(tail);
        File.AppendAllText(_file, "one\ntwo\nthr");
        Look(tail);
        Assert.Equal(["one", "two"], _lines);
        File.AppendAllText(_file, "ee\n");
        Look(tail);
        Assert.Equal(["one", "two", "three"], _lines);
        Look(tail);
        Assert.Equal((3, 0), (_lines.Count, _replaced));
    }

    [Fact]
    public void A_line_that_is_too_long_is_counted_and_the_next_one_is_read()
    {
        var tail = new LineTail(_file, Longest);
        File.WriteAllText(_file, "one\n" + new string('x', 10 * Longest));
        Look(tail);
        File.AppendAllText(_file, new string('x', 3) + "\ntwo\n");
        Look(tail);
        Assert.Equal(["one", "two"], _lines);
        Assert.Equal(1, tail.Refused);
    }

    [Theory]
    [InlineData("one\n")] // shorter
    [InlineData("one\nother\nand\nmore\n")] // longer, with other lines
    [InlineData("")]
    public void A_file_that_was_replaced_is_read_anew(string content)
    {
        var tail = new LineTail(_file, Longest);
        File.WriteAllText(_file, "one\ntwo\n");
        Look(tail);
        File.WriteAllText(_file, content);
        Look(tail);
        Assert.Equal(1, _replaced);
        Assert.Equal(content.Split('\n', StringSplitOptions.RemoveEmptyEntries), _lines);
    }

    [Fact]
    public void A_file_that_was_replaced_by_the_same_lines_goes_on()
    {
        var tail = new LineTail(_file, Longest);
        File.WriteAllText(_file, "one\ntwo\n");
        Look(tail);
        File.WriteAllText(_file + ".new", "one\ntwo\nthree\n");
        File.Move(_file + ".new", _file, overwrite: true);
        Look(tail);
        Assert.Equal(["one", "two", "three"], _lines);
        Assert.Equal(0, _replaced);
    }

    [Fact]
    public void A_look_reads_no_more_than_its_share()
    {
        var tail = new LineTail(_file, Longest);
        var line = new string('y', Longest - 1) + "\n";
        File.WriteAllText(_file, string.Concat(Enumerable.Repeat(line, 3 * Limits.WatchedPart / line.Length)));
        Look(tail);
        Assert.True(tail.HasMore);
        Assert.InRange(_lines.Count, 1, Limits.WatchedPart / line.Length + 1);
        for (var looks = 0; looks < 4; looks++)
        {
            Look(tail);
        }

        Assert.Equal(3 * Limits.WatchedPart / line.Length, _lines.Count);
        Assert.False(tail.HasMore);
    }

    [Fact]
    public void A_long_file_may_be_read_from_near_its_end()
    {
        var tail = new LineTail(_file, Longest, startFromEnd: 10);
        File.WriteAllText(_file, "first\nsecond\nthird\nlast\n");
        Look(tail);
        Assert.Equal(["last"], _lines);
        Assert.Equal(0, tail.Refused);
    }

    [Fact]
    public void A_device_is_not_read()
    {
        if (!File.Exists("/dev/zero"))
        {
            return;
        }

        File.Delete(_file);
        File.CreateSymbolicLink(_file, "/dev/zero");
        Assert.Throws<InputException>(() => Look(new LineTail(_file, Longest)));
    }
}
