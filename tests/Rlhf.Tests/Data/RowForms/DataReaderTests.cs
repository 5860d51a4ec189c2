using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.World;

namespace Rlhf.Tests.Data.RowForms;

public sealed class DataReaderTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Prompts_come_from_rows_of_any_kind_each_once()
    {
        var source = _folder.Rows(
            """{"prompt":"Q"}""",
            """{"prompt":"Q","response":"A","id":9}""",
            """{"instruction":"Do"}""",
            """{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}]}""",
            """{"chosen":"\n\nHuman: hi\n\nAssistant: A","rejected":"\n\nHuman: hi\n\nAssistant: B"}""",
            """{"prompt":"R","responses":["a","b"],"ranking":[[0],[1]]}""");
        var prompts = DataReader.Prompts(source, _folder.Path, _folder.Ledger).ToList();
        Assert.Equal(["Q", "Instruction: Do\nAnswer:", "\n\nHuman: hi\n\nAssistant:", "R"], prompts.Select(row => row.Prompt.Text));
        Assert.Equal(2, _folder.Ledger.DroppedByReason["the same prompt as an earlier row"]);
    }

    [Fact]
    public void Text_rows_are_objects_or_bare_texts()
    {
        _folder.Write("a.jsonl", """{"text":"one","id":"x"}""");
        _folder.Write("b.json", """["two"]""");
        var texts = DataReader.Texts(new DataSource { Path = ["*.json*"] }, _folder.Path, _folder.Ledger).ToList();
        Assert.Equal(["one", "two"], texts.Select(text => text.Text));
        Assert.Equal(["x", "b.json:1:2"], texts.Select(text => text.Id));
    }

    [Fact]
    public void A_bad_row_ends_the_reading_or_is_dropped_and_counted()
    {
        var source = _folder.Rows("""{"prompt":"Q","response":"A"}""", "{oops", """{"prompt":"Q"}""", """{"prompt":"R","response":"B"}""");
        Assert.StartsWith("rows.jsonl:2:2: ",
            Assert.Throws<InputException>(() => DataReader.Demonstrations(source, _folder.Path, new Ledger("x")).Count()).Message, StringComparison.Ordinal);

        var rows = DataReader.Demonstrations(source with { OnBadRow = BadRowPolicy.Drop }, _folder.Path, _folder.Ledger).ToList();
        Assert.Equal(["Q", "R"], rows.Select(row => row.Prompt.Text));
        Assert.Equal((4, 2), (_folder.Ledger.RowsIn, _folder.Ledger.DroppedByReason["cannot be read"]));
        Assert.Contains("rows.jsonl:3:1: expected a response", _folder.Ledger.ToJson().ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_over_the_size_limit_is_dropped_like_any_bad_row()
    {
        var large = "{\"prompt\":\"" + new string('x', JsonRows.DefaultMaximumRowBytes) + "\",\"response\":\"A\"}";
        var source = _folder.Rows("""{"prompt":"Q","response":"A"}""", large, """{"prompt":"R","response":"B"}""");
        Assert.Contains("rows.jsonl:2:1: expected a row of at most",
            Assert.Throws<InputException>(() => DataReader.Demonstrations(source, _folder.Path, new Ledger("x")).Count()).Message, StringComparison.Ordinal);
        Assert.Equal(
            ["Q", "R"], DataReader.Demonstrations(source with { OnBadRow = BadRowPolicy.Drop }, _folder.Path, _folder.Ledger).Select(row => row.Prompt.Text));
        Assert.Equal(1, _folder.Ledger.DroppedByReason["cannot be read"]);
    }

    [Fact]
    public void The_same_text_with_other_tools_is_another_prompt()
    {
        var source = _folder.Rows("""{"prompt":"Q"}""", """{"prompt":"Q","tools":[{"name":"f"}]}""", """{"prompt":"Q","tools":"[{\"name\": \"f\"}]"}""");
        Assert.Equal([null, """[{"name":"f"}]"""], DataReader.Prompts(source, _folder.Path, _folder.Ledger).Select(row => row.Prompt.Tools));
    }

    [Fact]
    public void The_limit_counts_rows_over_all_files()
    {
        _folder.Write("a.jsonl", "\"1\"\n\"2\"");
        _folder.Write("b.jsonl", "\"3\"\n\"4\"");
        var source = new DataSource { Path = ["a.jsonl", "b.jsonl"], Limit = 3 };
        Assert.Equal(["1", "2", "3"], DataReader.Texts(source, _folder.Path, _folder.Ledger).Select(text => text.Text));
        Assert.Equal(3, _folder.Ledger.RowsIn);
    }

    [Fact]
    public void Fields_without_effect_are_named_unless_the_format_uses_them()
    {
        var source = _folder.Rows("""{"prompt":"Q","response":"A","context":"c","labeler":"me"}""") with
        {
            Format = new FormatOptions { Template = FormatTemplate.Custom, Prompt = "{context} {prompt}" },
        };
        Assert.Single(DataReader.Demonstrations(source, _folder.Path, _folder.Ledger));
        Assert.Contains("field not used: labeler", _folder.Ledger.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain("context", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_without_rows_is_an_error()
    {
        _folder.Write("empty.jsonl", "\n");
        var error = Assert.Throws<InputException>(() => DataReader.Texts(new DataSource { Path = ["empty.jsonl"] }, _folder.Path, _folder.Ledger).Count());
        Assert.Equal("empty.jsonl: expected at least one row, found none.", error.Message);
    }

    [Fact]
    public void Options_without_effect_or_sense_are_refused()
    {
        var source = _folder.Rows("\"text\"");
        Assert.Throws<InputException>(() => DataReader.Texts(source with { Take = DemonstrationPick.Chosen }, _folder.Path, _folder.Ledger));
        Assert.Throws<InputException>(() => DataReader.Texts(source with { HeldOut = 1 }, _folder.Path, _folder.Ledger));
        Assert.Throws<InputException>(() => DataReader.Texts(source with { HeldOut = double.NaN }, _folder.Path, _folder.Ledger));
        Assert.Throws<InputException>(() => DataReader.Texts(source with { Limit = 0 }, _folder.Path, _folder.Ledger));
    }
}
