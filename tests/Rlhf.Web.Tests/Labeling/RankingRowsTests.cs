using System.Text.Json;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers.Store;
using Rlhf.World;

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
        var row = JsonSerializer.Serialize(
            new { prompt = "'; DROP TABLE tasks; --\0", responses, model = "\u0007", round = "a\"b", prompt_tokens = new[] { 1, 2 } });
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
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"labeler\": \" ann\"}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"labeler\": \"\"}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"labeler\": \"a\\u0000b\"}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"labeler\": \"ann\\u200b\"}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[0], [1]], \"labeler\": \"a\\u0301\\u0301\\u0301\\u0301\\u0301\"}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"round\": \"\\u202e1\"}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"models\": [\"ppo\", \"\\u0007\"]}")]
    [InlineData("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\", \"a \"], \"known_ranking\": [[0], [1], [2]]}")]
    [InlineData("[[[[")]
    public void A_row_that_cannot_be_used_is_named_with_its_place_and_nothing_is_stored(string row)
    {
        using var test = new TestStore(TestStore.Sqlite);
        var error = Assert.Throws<InputException>(
            () => WithFile("{\"prompt\": \"fine\", \"responses\": [\"a\", \"b\"]}\n" + row, file => test.Store.Import(RankingRows.Read(file))));
        Assert.Contains(".jsonl:2:", error.Message, StringComparison.Ordinal);
        Assert.Empty(test.Store.Tasks());
    }

    [Fact]
    public void A_prompt_without_answers_names_the_kinds_of_tasks_that_it_may_be() => Assert.Contains("""
        :1:1: expected the field "responses" with the answers to rank (prompts that people are to answer have the kind write, demonstrations the kind review: --kind)
        """,
        Assert.Throws<InputException>(() => WithFile("""{"prompt": "x"}""", file => RankingRows.Read(file).ToList())).Message, StringComparison.Ordinal);

    [Fact]
    public void A_labeler_whom_an_import_brings_has_a_name_that_could_be_given_a_token()
    {
        using var test = new TestStore(TestStore.Sqlite);
        foreach (var name in (string[])["", " ann", "ann ", "a\nb", "a\u200bb", "a\u202eb", new string('x', 101), "a" + new string('\u0301', 5),
            "\u0301a\u0301\u0301\u0301\u0301\u0301", "\ud800", "\u3164"])
        {
            Assert.Throws<InputException>(() => test.Store.AddUser(name, UserRole.Labeler));
            var row = JsonSerializer.Serialize(new { prompt = "x", responses = new[] { "a", "b" }, ranking = new[] { new[] { 0 }, [1] }, labeler = name });
            Assert.Throws<InputException>(() => WithFile(row, file => test.Store.Import(RankingRows.Read(file))));
            Assert.Throws<InputException>(
                () => test.Store.Import([TestStore.Row("x", ["a", "b"]) with { Judgement = new Judgement { Tiers = [[0], [1]] }, Labeler = name }]));
        }

        Assert.Empty(test.Store.Users());
        foreach (var name in (string[])["ann", "Zoë", "Nguyễn Thị Minh Khai", "ไพศาล", "रामकृष्ण", "می\u200cخواهم", "山田太郎", "O'Brien-Smith 3", "Zoe\u0308"])
        {
            test.Store.AddUser(name, UserRole.Labeler);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_same_answer_twice_is_shown_once_and_the_rows_are_named(string kind)
    {
        using var test = new TestStore(kind);
        string[] rows =
        [
            """{"id": "three", "prompt": "x", "responses": ["a", "b", "a ", "c"], "response_tokens": [[1], [2], [3], [4]], "ranking": [[3], [2], [1], [0]], "labeler": "ann", "flags": [[], ["false"], ["harmful"], []], "ratings": [null, 1, 2, 7], "order_shown": [2, 3, 0, 1]}""",
            """{"id": "all", "prompt": "y", "responses": ["a", "a"]}""",
            """{"id": "none", "prompt": "z", "responses": ["a", "A"]}""",
            """{"id": "arena", "prompt": "v", "responses": ["a", "a"], "models": ["ppo", "sft"]}""",
        ];
        var result = WithFile(string.Join('\n', rows), file => test.Store.Import(RankingRows.Read(file)));
        Assert.Equal((3, 0, 1), (result.Added, result.Known, result.Rankings));
        Assert.Equal("1 rows had the same answer more than once, which is shown once (three); 1 rows were left out, as all their answers are the same (all)",
            result.Note);

        var task = test.Store.FindTask(1)!.Answers;
        Assert.Equal(["a", "b", "c"], task.Responses);
        Assert.Equal("[[1],[2],[4]]", task.Source["response_tokens"]!.ToJsonString());
        var ranking = Assert.Single(test.Store.Rankings());
        Assert.Equal([[2], [0], [1]], ranking.Judgement.Tiers!);
        Assert.Equal([["harmful"], ["false"], []], ranking.Judgement.Flags);
        Assert.Equal([2, 1, 7], ranking.Judgement.Ratings);
        Assert.Equal([0, 2, 1], ranking.OrderShown);
        Assert.Equal(["x", "z", "v"], test.Store.Tasks().Select(one => one.Answers.PromptText));
        Assert.Equal(2, test.Store.Tasks().Last().Answers.Responses.Count);
        Assert.Equal((1, 2), test.Store.Progress("1"));
    }
}
