using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class LedgerTests
{
    [Fact]
    public void All_rows_are_counted_and_twenty_examples_kept()
    {
        var ledger = new Ledger("01-sft");
        for (var line = 1; line <= 30; line++)
        {
            ledger.Read("a.jsonl");
            ledger.Drop(new RowPosition("a.jsonl", line, 1), "prompt over max_prompt_tokens");
        }

        ledger.Read("b.jsonl");
        ledger.Truncate(new RowPosition("b.jsonl", 1, 1), "response cut", 12);

        var json = ledger.ToJson();
        Assert.Equal((31L, 1L, 30L, 1L, 12L),
            ((long)json["rows_in"]!, (long)json["kept"]!, (long)json["dropped"]!, (long)json["truncated"]!, (long)json["tokens_cut"]!));
        var reason = json["files"]![0]!["dropped_by_reason"]![0]!;
        Assert.Equal(("prompt over max_prompt_tokens", 30L), ((string)reason["reason"]!, (long)reason["count"]!));
        Assert.Equal(Enumerable.Range(1, Ledger.ExamplesPerReason).Select(line => $"a.jsonl:{line}:1"),
            reason["examples"]!.AsArray().Select(example => (string)example!));
        Assert.Equal("01-sft", (string)json["stage"]!);
    }

    [Fact]
    public void People_read_a_line_a_file_and_its_reasons()
    {
        var ledger = new Ledger("01-sft");
        ledger.Read("a.jsonl");
        ledger.Read("a.jsonl");
        ledger.Drop(new RowPosition("a.jsonl", 2, 1), "identical answers");
        ledger.Truncate(new RowPosition("a.jsonl", 1, 1), "response cut", 3);
        Assert.Equal(
            "a.jsonl: 2 rows in, 1 kept, 1 dropped, 1 truncated (3 tokens cut)\n  dropped: 1 x identical answers (a.jsonl:2:1)\n  truncated: 1 x response cut (a.jsonl:1:1)\n",
            ledger.ToText().ReplaceLineEndings("\n"));
    }
}
