using System.Text;

namespace Rlhf.Tests.Core;

public sealed class JsonLinesTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string[] Lines(string path) => [.. JsonLines.Read(path).Select(line => Encoding.UTF8.GetString(line.Span))];

    [Fact]
    public void A_torn_last_line_is_not_read_and_goes_when_the_file_is_opened()
    {
        var path = _folder.Write("a.jsonl", "{\"a\":1}\n{\"b\":2}\n{\"c\"");
        Assert.Equal(["{\"a\":1}", "{\"b\":2}"], Lines(path));
        using (var lines = JsonLines.Open(path))
        {
            lines.Append("{\"d\":4}\n"u8, toDisk: true);
        }

        Assert.Equal("{\"a\":1}\n{\"b\":2}\n{\"d\":4}\n", File.ReadAllText(path));
    }

    [Fact]
    public void Some_lines_are_kept_and_others_follow_them()
    {
        var path = _folder.Write("a.jsonl", "1\n2\n3\n");
        using var lines = JsonLines.Open(path);
        lines.Keep(JsonLines.Read(path).Take(1));
        lines.Append("4\n"u8);
        Assert.Equal(["1", "4"], Lines(path));
        lines.Keep([]);
        Assert.Empty(Lines(path));
    }

    [Fact]
    public void A_file_that_is_absent_has_no_lines() => Assert.Empty(JsonLines.Read(_folder.PathOf("nothing.jsonl")));
}
