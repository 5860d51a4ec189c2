using System.Text.Json;
using Rlhf.Data;
using Rlhf.Web.Labeling;

namespace Rlhf.Web.Tests.Labeling;

public sealed class RankingRowsTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    private static T WithFile<T>(string text, Func<string, T> use)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        try
        {
            File.WriteAllText(file, text);
            return use(file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Export(RankingStore store)
    {
        using var text = new StringWriter();
        RankingExport.Write(store, text, new ExportOptions());
        return text.ToString();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Hostile_and_enormous_texts_come_out_as_they_went_in(string kind)
    {
        using var test = new TestStore(kind);
        string[] responses = ["<script>alert(1)</script>", "a\0b\u202Ec\u200B", "\u2028😀" + new string('x', 5_000_000), "javascript:alert(1)"];
        var row = JsonSerializer.Serialize(new { prompt = "'; DROP TABLE tasks; --\0", responses, model = "\u0007", round = "a\"b", prompt_tokens = new[] { 1, 2 } });
        Assert.Equal(1, WithFile(row, file => test.Store.Import(RankingRows.Read(file))).Added);

        var user = test.Store.LocalUser();
        var task = test.Store.Next(user, [])!;
        Assert.Equal("'; DROP TABLE tasks; --\0", task.Messages.Single().Content);
        Assert.Equal(responses.Order(StringComparer.Ordinal), task.Responses.Order(StringComparer.Ordinal));
        var judgement = new Judgement { Tiers = [[0], [1], [2], [3]], Comment = "<b>\0\u202E" };
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(user, new Submission(task.Id, "12345678", judgement, 1)));

        using var json = JsonDocument.Parse(Export(test.Store));
        Assert.Equal(responses, json.RootElement.GetProperty("responses").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal("<b>\0\u202E", json.RootElement.GetProperty("comment").GetString());
        Assert.Equal([1, 2], json.RootElement.GetProperty("prompt_tokens").EnumerateArray().Select(item => item.GetInt32()));
        Assert.Equal("a\"b", json.RootElement.GetProperty("round").GetString());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_reward_model_reads_what_was_exported(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Change(settings => settings with { Overlap = 2 });
        test.Store.Import(TestStore.Rows(3));
        foreach (var name in (string[])["ann", "bob"])
        {
            var user = test.User(name);
            for (var i = 0; i < 3; i++)
            {
                var task = test.Store.Next(user, [])!;
                var judgement = i == 2 && name == "bob" ? new Judgement { CannotJudge = "no idea" } : new Judgement { Tiers = [[1], [0, 2]] };
                test.Store.Submit(user, new Submission(task.Id, $"{name} {task.Id} key", judgement, 1));
            }
        }

        var rankings = WithFile(Export(test.Store), file => DataReader.Rankings(new DataSource { Path = [file] }, ".", new Ledger("test")).ToList());
        Assert.Equal(5, rankings.Count);
        Assert.Equal(["ann", "bob"], rankings.Select(ranking => ranking.Labeler).Distinct().Order());
        Assert.All(rankings, ranking => Assert.Equal((2, 1), (ranking.Pairs.Count, ranking.Ties.Count)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_export_of_everything_is_a_whole_copy(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(3));
        var ann = test.User("ann");
        var task = test.Store.Next(ann, [])!;
        var judgement = new Judgement { Tiers = [[1], [0, 2]], Flags = [["false"], [], []], Ratings = [3, null, 1], Comment = "so so" };
        test.Store.Submit(ann, new Submission(task.Id, "first key", judgement, 2.5));
        test.Clock.Advance(TimeSpan.FromMinutes(1));
        test.Store.Submit(ann, new Submission(task.Id, "second key", judgement with { Tiers = [[0, 1, 2]] }, 1, Edit: true));
        task = test.Store.Next(ann, [])!;
        test.Store.Submit(ann, new Submission(task.Id, "third key", new Judgement { CannotJudge = "empty" }, 1));

        using var text = new StringWriter();
        RankingExport.Write(test.Store, text, new ExportOptions { Everything = true });
        using var copy = new TestStore(kind);
        Assert.Equal(new ImportResult(3, 0, 2), WithFile(text.ToString(), file => copy.Store.Import(RankingRows.Read(file))));
        using var again = new StringWriter();
        RankingExport.Write(copy.Store, again, new ExportOptions { Everything = true });
        Assert.Equal(text.ToString(), again.ToString());
    }

    [Theory]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\"]}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0]]}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"order_shown\": [0, 0]}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"flags\": [[\"nonsense\"], []]}")]
    [InlineData("{\"responses\": [\"a\", \"b\"]}")]
    [InlineData("[[[[")]
    public void A_row_that_cannot_be_used_is_named_with_its_place_and_nothing_is_stored(string row)
    {
        using var test = new TestStore(TestStore.Sqlite);
        var error = Assert.Throws<InputException>(() => WithFile("{\"prompt\": \"fine\", \"responses\": [\"a\", \"b\"]}\n" + row, file => test.Store.Import(RankingRows.Read(file))));
        Assert.Contains(".jsonl:2:", error.Message, StringComparison.Ordinal);
        Assert.Empty(test.Store.Tasks());
    }
}
