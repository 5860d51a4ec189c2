using System.Globalization;
using System.Text;
using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class JsonRowsTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("{\"text\":\"a\"}\n{\"text\":\"b\"}")]
    [InlineData("{\"text\":\"a\"}\r\n\r\n  \n{\"text\":\"b\"}\r\n")]
    [InlineData("[{\"text\":\"a\"},{\"text\":\"b\"}]")]
    [InlineData("\uFEFF \n [\n {\"text\" : \"a\" }\n ,\n{\n\"text\":\n\"b\"}\n]\n")]
    [InlineData("\uFEFF{\"text\":\"a\"}\n{\"text\":\"b\"}")]
    public void Lines_and_arrays_give_the_same_rows_packed_or_not_whatever_the_name(string content)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
        foreach (var path in new[]
        {
            _folder.Write("a.json", bytes),
            _folder.Write("b.jsonl", bytes),
            _folder.Write("c.jsonl.gz", TestFolder.Gzip(bytes)),
            _folder.Write("e.json", Encoding.Unicode.GetPreamble().Concat(Encoding.Unicode.GetBytes(content.TrimStart('\uFEFF'))).ToArray()),
            _folder.Write("d.jsonl", TestFolder.Gzip(bytes)),
        })
        {
            Assert.Equal(["a", "b"], JsonRows.Read(path).Select(row => row.Parse().Properties["text"].Text));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \n")]
    [InlineData("[]")]
    [InlineData(" [ ] ")]
    public void A_file_without_rows_has_no_rows(string content) => Assert.Empty(JsonRows.Read(_folder.Write("a", content)));

    [Fact]
    public void Several_packed_parts_in_one_file_are_read_one_after_the_other()
    {
        byte[] bytes = [.. TestFolder.Gzip("{\"text\":\"a\"}\n"u8.ToArray()), .. TestFolder.Gzip("{\"text\":\"b\"}"u8.ToArray())];
        Assert.Equal(2, JsonRows.Read(_folder.Write("a.gz", bytes)).Count());
    }

    [Fact]
    public void Rows_and_values_know_line_and_column_in_characters()
    {
        var path = _folder.Write("a.json", "[ {\"ä€😀\": 1},\n   {\"x\":\n  [true]}]");
        var rows = JsonRows.Read(path, "a.json").ToList();
        Assert.Equal(["a.json:1:3", "a.json:2:4"], rows.Select(row => row.Position.ToString()));
        Assert.Equal("a.json:1:11", rows[0].PositionOf(rows[0].Parse().Properties["ä€😀"].Offset).ToString());
        Assert.Equal("a.json:3:4", rows[1].PositionOf(rows[1].Parse().Properties["x"].Items[0].Offset).ToString());
    }

    [Theory]
    [InlineData("{\"a\": x}", "f:1:7: expected valid JSON, found 'x'")]
    [InlineData("\n  {\"a\": 1", "f:2:10: expected valid JSON, found the end of the row")]
    [InlineData("{\"a\":1} {\"b\":2}", "f:1:9: expected valid JSON, found '{'")]
    [InlineData("{\"a\":1,}", "f:1:8: expected valid JSON, found '}'")]
    [InlineData("{\"a\":01}", "f:1:7: expected valid JSON, found '1'")]
    [InlineData("{\"a\":NaN}", "f:1:6: expected valid JSON, found 'N'")]
    [InlineData("{\"a\":\"\\x\"}", "f:1:8: expected valid JSON, found 'x'")]
    [InlineData("{\"a\":\"\t\"}", "f:1:7: expected valid JSON, found the control character U+0009")]
    [InlineData("{\"ä\":1,\"b\":2,\"ä\":3}", "f:1:14: expected every name once, found \"ä\" again")]
    [InlineData("{\"a\":{\"b\":2,\"b\":3}}", "f:1:13: expected every name once, found \"b\" again")]
    [InlineData("{\"a\":\"\\ud800\"}", "f:1:6: expected a text, found half of a surrogate pair")]
    [InlineData("{\"\\udc00\":1}", "f:1:2: expected a text, found half of a surrogate pair")]
    [InlineData("[{\"a\":\n1\n x}]", "f:3:2: expected valid JSON, found 'x'")]
    public void A_wrong_row_says_where_what_was_expected_and_what_was_found(string content, string message)
    {
        var row = Assert.Single(JsonRows.Read(_folder.Write("f", content), "f"));
        Assert.StartsWith(message, Assert.Throws<InputException>(row.Parse).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[{} {}]", "f:1:5: expected ',' or ']' after a row of the array, found '{'")]
    [InlineData("[{},]", "f:1:5: expected a row, found ']'")]
    [InlineData("[,{}]", "f:1:2: expected a row, found ','")]
    [InlineData("[{},\n{}", "f:2:3: expected ',' or ']' after a row of the array, found the end of the file")]
    [InlineData("[{\"a\":[1,", "f:1:10: expected the rest of the array, found the end of the file")]
    [InlineData("[", "f:1:2: expected the rest of the array, found the end of the file")]
    [InlineData("[{}] x", "f:1:6: expected the end of the file after the array, found 'x'")]
    public void A_wrong_array_says_where_what_was_expected_and_what_was_found(string content, string message)
    {
        var path = _folder.Write("f", content);
        Assert.Equal(message, Assert.Throws<InputException>(() => JsonRows.Read(path, "f").Count()).Message);
    }

    [Fact]
    public void A_wrong_row_does_not_hide_the_rows_after_it()
    {
        var rows = JsonRows.Read(_folder.Write("f", "[{\"a\" \"}\\\"]\"}, {oops}, 7x, {\"text\":\"]}\"}]")).ToList();
        Assert.Equal(4, rows.Count);
        Assert.All(rows[..3], row => Assert.Throws<InputException>(row.Parse));
        Assert.Equal("]}", rows[3].Parse().Properties["text"].Text);
    }

    [Fact]
    public void A_byte_that_is_not_UTF8_is_named_with_its_place()
    {
        var path = _folder.Write("f", [.. "{}\n{\"ä\":\""u8, 0xE9, .. "\"}"u8]);
        var error = Assert.Throws<InputException>(JsonRows.Read(path, "f").Last().Parse);
        Assert.Equal("f:2:7: expected UTF-8, found the byte 0xE9, which is byte 10 of the text, counted from 0", error.Message);
    }

    [Theory]
    [InlineData(32, true)]
    [InlineData(33, false)]
    [InlineData(100_000, false)]
    public void Nesting_is_limited(int levels, bool valid)
    {
        var text = new string('[', levels) + new string(']', levels);
        var row = JsonRows.Read(_folder.Write("f", "[" + text + "]"), "f").Single();
        var error = Record.Exception(() => row.Parse());
        Assert.Equal(valid ? null : "f:1:34: expected at most 32 levels of nesting, found more", error?.Message);
    }

    [Fact]
    public void A_row_that_unpacks_to_more_than_the_limit_is_refused_before_it_is_held()
    {
        var bomb = TestFolder.Gzip(Encoding.ASCII.GetBytes("{}\n{\"a\":\"" + new string('x', 20_000_000)));
        var path = _folder.Write("f", bomb);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InputException>(() => JsonRows.Read(path, "f", maximumRowBytes: 1000).Select(row => row.Parse()).Count());
        Assert.Equal("f:2:1: expected a row of at most 1000 bytes, found a longer one", error.Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Theory]
    [InlineData("{\"a\":1}\n{\"a\":\"0123456789\\\"\"}\n{\"a\":3}")]
    [InlineData("[{\"a\":1},{\"a\":[\"0123456789\",\"]}\\\"\"]},{\"a\":3}]")]
    [InlineData("[{\"a\":1}, 0123456789012345 , {\"a\":3}]")]
    public void A_row_over_the_limit_does_not_hide_the_rows_after_it(string content)
    {
        var rows = JsonRows.Read(_folder.Write("f", content), "f", maximumRowBytes: 10).ToList();
        Assert.Equal(3, rows.Count);
        Assert.Contains(
            "expected a row of at most 10 bytes, found a longer one", Assert.Throws<InputException>(rows[1].Parse).Message, StringComparison.Ordinal);
        Assert.Equal("3", rows[2].Parse().Properties["a"].Text);
    }

    [Fact]
    public void White_space_without_end_is_an_error()
    {
        var path = _folder.Write("f", TestFolder.Gzip([.. Enumerable.Repeat((byte)' ', 17 * 1024 * 1024), .. "{}"u8]));
        Assert.Contains("bytes of white space", Assert.Throws<InputException>(() => JsonRows.Read(path, "f").Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_packed_file_that_was_cut_off_is_an_error()
    {
        var packed = TestFolder.Gzip(Encoding.ASCII.GetBytes(string.Join('\n', Enumerable.Range(0, 20_000).Select(i => $"{{\"a\":{i * 7919L * i}}}"))));
        var path = _folder.Write("f", packed[..(packed.Length / 2)]);
        Assert.Contains(
            "the file is broken from here on", Assert.Throws<InputException>(() => JsonRows.Read(path, "f").Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_packed_file_with_a_flipped_bit_is_an_error()
    {
        var packed = TestFolder.Gzip(Encoding.ASCII.GetBytes(string.Join('\n', Enumerable.Range(0, 20_000).Select(i => $"{{\"a\":{i * 7919L * i}}}"))));
        packed[^6] ^= 1; // In the check sum.
        var path = _folder.Write("f", packed);
        Assert.Throws<InputException>(() => JsonRows.Read(path, "f").Count());
    }

    [Theory]
    [InlineData("504B0304", "a ZIP archive")]
    [InlineData("4F524300", "an ORC file")]
    public void Other_formats_are_named(string start, string what)
    {
        var path = _folder.Write("f", Convert.FromHexString(start));
        Assert.StartsWith(
            "f:1:1: expected JSON, found " + what, Assert.Throws<InputException>(() => JsonRows.Read(path, "f").Count()).Message, StringComparison.Ordinal);
        using var nobodyElseHasItOpen = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
    }

    [Fact]
    public void A_file_packed_twice_is_named()
    {
        var path = _folder.Write("f", TestFolder.Gzip(TestFolder.Gzip("{}"u8.ToArray())));
        Assert.Contains("gzip data inside gzip", Assert.Throws<InputException>(() => JsonRows.Read(path, "f").Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_absent_file_is_an_error_of_the_users() =>
        Assert.StartsWith("none: cannot be read",
            Assert.Throws<InputException>(() => JsonRows.Read(Path.Combine(_folder.Path, "none"), "none").Count()).Message, StringComparison.Ordinal);

    [Fact]
    public void Numbers_stay_as_they_are_written()
    {
        var huge = new string('9', 5000);
        var row = JsonRows.Read(_folder.Write("f", string.Create(CultureInfo.InvariantCulture, $"{{\"a\":{huge},\"b\":-1.50e+999}}"))).Single().Parse();
        Assert.Equal(huge, row.Properties["a"].Text);
        Assert.Equal("-1.50e+999", row.Properties["b"].Text);
    }
}
