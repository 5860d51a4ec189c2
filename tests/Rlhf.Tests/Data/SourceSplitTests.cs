using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class SourceSplitTests : IDisposable
{
    private static readonly string[] Topics = ["cats", "dogs_yes", "dogs_no", "fish"];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSource Source(params string[] rows) => new() { Path = [_folder.Write("rows.jsonl", string.Join('\n', rows))], SplitBy = "topic" };

    /// <summary>Five prompts to each topic.</summary>
    private DataSource Debates() => Source(
        [.. Topics.SelectMany(topic => Enumerable.Range(0, 5).Select(i => $$"""{"id": "{{topic}} {{i}}", "prompt": "{{topic}} {{i}}?", "topic": "{{topic}}"}"""))]);

    private (string[] Train, string[] HeldOut) Split(DataSource source, Ledger? ledger = null)
    {
        ledger ??= new Ledger("test");
        var sides = new SourceSplit(source, "data.prompts").Split(
            DataReader.Prompts(source, _folder.Path, ledger), row => (row.Prompt.SplitKey, row.Id, row.Position), ledger)
            .ToLookup(row => row.IsHeldOut, row => row.Row.Prompt.Group!);
        return ([.. sides[false]], [.. sides[true]]);
    }

    [Fact]
    public void Named_values_are_held_out_whole_and_nothing_else()
    {
        var (train, heldOut) = Split(Debates() with { HeldOut = HeldOutRule.Of("fish", "dogs*") });
        Assert.Equal(Enumerable.Repeat("cats", 5), train);
        Assert.Equal(15, heldOut.Length);
    }

    [Fact]
    public void A_share_holds_out_whole_values_and_another_seed_others()
    {
        var rows = Source([.. Enumerable.Range(0, 200).Select(i => $$"""{"prompt": "Q{{i}}", "topic": {{i / 2}}}""")]);
        var (train, heldOut) = Split(rows with { HeldOut = 0.3 });
        Assert.Empty(train.Intersect(heldOut));
        Assert.InRange(heldOut.Distinct().Count(), 18, 42);
        Assert.Equal(heldOut.Distinct(), Enumerable.Range(0, 100).Select(i => $"{i}").Where(topic => PromptSplit.IsHeldOut(topic, 0.3)));

        var other = Split(rows with { HeldOut = 0.3, SplitSeed = 1 }).HeldOut;
        Assert.Equal(other, Split(rows with { HeldOut = 0.3, SplitSeed = 1 }).HeldOut);
        Assert.InRange(other.Distinct().Count(), 18, 42);
        Assert.NotEqual(heldOut.Distinct(), other.Distinct());
    }

    [Fact]
    public void A_row_without_the_field_is_told_with_its_place()
    {
        var source = Source("""{"prompt": "Q", "topic": "a"}""", """{"prompt": "R", "topic": null}""");
        var message = Assert.Throws<InputException>(() => Split(source)).Message;
        Assert.StartsWith($"{source.Path[0]}:2:26: expected the field \"topic\" that split_by names", message, StringComparison.Ordinal);
        source = Source("""{"prompt": "Q"}""");
        Assert.StartsWith($"{source.Path[0]}:1:1: expected the field \"topic\"", Assert.Throws<InputException>(() => Split(source)).Message, StringComparison.Ordinal);
        Assert.Contains("found an array of 1", Assert.Throws<InputException>(() => Split(Source("""{"prompt": "Q", "topic": ["a"]}"""))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_field_of_one_value_cannot_split()
    {
        var source = Source("""{"prompt": "Q", "topic": "a"}""", """{"prompt": "R", "topic": "a"}""") with { HeldOut = 0.5 };
        var message = Assert.Throws<InputException>(() => Split(source)).Message;
        Assert.Contains("data.prompts.split_by: all rows of ", message, StringComparison.Ordinal);
        Assert.Contains("\"a\" in the field \"topic\"", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("fihs", "did you mean \"fish\"")]
    [InlineData("dogs", "\"dogs*\" for all that begin so")]
    [InlineData("*birds", "there are \"cats\", \"dogs_no\", \"dogs_yes\", \"fish\"")]
    public void A_value_that_no_row_has_is_told_with_what_there_is(string name, string advice)
    {
        var message = Assert.Throws<InputException>(() => Split(Debates() with { HeldOut = HeldOutRule.Of("cats", name) })).Message;
        Assert.StartsWith($"data.prompts.held_out: no row of {_folder.PathOf("rows.jsonl")} has \"{name}\" in the field \"topic\"", message, StringComparison.Ordinal);
        Assert.Contains(advice, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.000001, "none of the 4 values")]
    [InlineData(0.999999, "every one of the 4 values")]
    public void A_share_that_leaves_one_side_empty_is_an_error(double share, string what) =>
        Assert.Contains(what, Assert.Throws<InputException>(() => Split(Debates() with { HeldOut = share })).Message, StringComparison.Ordinal);

    [Fact]
    public void Held_out_rows_beyond_the_limit_are_counted_and_used_nowhere()
    {
        var ledger = new Ledger("test");
        var source = Debates() with { HeldOut = HeldOutRule.Of("dogs*"), HeldOutLimit = 4 };
        var (train, heldOut) = Split(source, ledger);
        Assert.Equal((10, 4), (train.Length, heldOut.Length));
        Assert.Equal(6, ledger.DroppedByReason["held out, beyond held_out_limit"]);
        Assert.Equal(heldOut, Split(source).HeldOut);
    }

    [Fact]
    public void Rows_within_the_limit_are_those_of_the_smallest_hashes_in_their_order()
    {
        var source = Source([.. Enumerable.Range(0, 50).Select(i => $$"""{"id": "{{i / 2}}", "prompt": "{{i}}?", "topic": "{{i % 2}}"}""")]);
        string[] Kept(int? most) =>
        [
            .. new SourceSplit(source with { HeldOut = HeldOutRule.Of("1"), HeldOutLimit = most }, "data.prompts")
                .Split(DataReader.Prompts(source, _folder.Path, new Ledger("test")), row => (row.Prompt.SplitKey, row.Id, row.Position), new Ledger("test"))
                .Where(row => row.IsHeldOut).Select(row => row.Row.Id),
        ];
        var all = Kept(null);
        var smallest = all.OrderBy(id => PromptSplit.Hash("held out\n" + id)).Take(7).ToHashSet();
        Assert.Equal(all.Where(smallest.Contains), Kept(7));
        Assert.Equal(all, Kept(25));
    }

    [Fact]
    public void Rows_of_every_kind_have_the_group()
    {
        var source = Source(
            """{"prompt": "Q", "response": "A", "info": {"topic": 7}}""", """{"prompt": "Q", "chosen": "A", "rejected": "B", "info": {"topic": 7}}""",
            """{"prompt": "Q", "info": {"topic": 7}}""", """{"text": "T", "info": {"topic": 7}}""") with
        { SplitBy = "info.topic" };
        RecordKind[] kinds = [RecordKind.Demonstration, RecordKind.Ranking, RecordKind.Prompt, RecordKind.Text];
        var rows = File.ReadAllLines(source.Path[0]);
        foreach (var (row, kind) in rows.Zip(kinds))
        {
            var one = source with { Path = [_folder.Write("one.jsonl", row)] };
            Assert.Equal("7", Assert.Single(DataReader.Read(one, _folder.Path, new Ledger("test"), kind)).SplitKey);
        }
    }

    [Fact]
    public void A_judgement_that_rows_are_split_by_is_still_one_that_nothing_reads()
    {
        var source = Source("""{"prompt": "Q", "response": "A", "rating": 1}""") with { SplitBy = "rating" };
        Assert.Contains(
            "\"rating\" says how good an answer is",
            Assert.Throws<InputException>(() => DataReader.Demonstrations(source, _folder.Path, new Ledger("test")).ToList()).Message, StringComparison.Ordinal);
    }

    [DataFact("arguments/pairs.jsonl.gz")]
    public void Real_debates_are_held_out_by_name_in_comparisons_and_demonstrations_alike()
    {
        var source = new DataSource
        {
            Path = [ReferenceFiles.DataPathOf("arguments", "pairs.jsonl.gz")],
            SplitBy = "topic",
            HeldOut = HeldOutRule.Of("firefox-*", "human-growth-*", "tv-is-*"),
        };
        var ledger = new Ledger("test");
        var pairs = new SourceSplit(source, "data.comparisons").Split(
            DataReader.Rankings(source, "/", ledger), row => (row.Prompt.SplitKey, row.Id, row.Position), ledger)
            .Where(row => row.IsHeldOut).Select(row => row.Row).ToList();
        Assert.Equal((2201, 6), (pairs.Count, pairs.Select(row => row.Prompt.Group).Distinct().Count()));

        var shown = source with { Take = DemonstrationPick.Chosen };
        var answers = new SourceSplit(shown, "data.demonstrations").Split(
            DataReader.Demonstrations(shown, "/", ledger), row => (row.Prompt.SplitKey, row.Id, row.Position), ledger)
            .Where(row => row.IsHeldOut).Select(row => row.Row.Id);
        Assert.Equal(pairs.Select(row => row.Id), answers);
    }
}
