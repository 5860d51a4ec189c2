using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

public sealed class WrittenExportTests
{
    private static List<JsonObject> Rows(RankingStore store, ExportedRows rows) =>
        [.. TaskRow.Export(store, rows).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsObject())];

    private static T[] ReadBack<T>(RankingStore store, ExportedRows rows, Func<DataSource, Ledger, IEnumerable<T>> read)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        try
        {
            File.WriteAllText(file, TaskRow.Export(store, rows));
            return [.. read(new DataSource { Path = [file] }, new Ledger("test"))];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Demonstration[] Demonstrations(RankingStore store) =>
        ReadBack(store, ExportedRows.Demonstrations, (source, ledger) => DataReader.Demonstrations(source, ".", ledger));

    [Fact]
    public void A_written_answer_is_a_demonstration_of_its_prompt()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(
            """
            {"id": "one", "prompt": "Greet me.", "draft": "Hm."}
            {"id": "two", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "old answer"}]}
            {"id": "three", "instruction": "Add.", "input": "1, 2"}
            """, TaskKind.Write));
        var user = test.User("ann");
        foreach (var text in (string[])["Hello!", "Kind words", "3"])
        {
            TaskRow.Do(test.Store, user, new Judgement { Written = text, Reason = "because" }, seconds: 8);
        }

        var rows = Rows(test.Store, ExportedRows.Demonstrations);
        Assert.Equal(["Hm.", null, null], rows.Select(row => (string?)row["draft"]));
        Assert.All(rows, row => Assert.Equal(
            ("ann", 8.0, 0, "write"), ((string)row["labeler"]!, (double)row["seconds"]!, (int)row["edits"]!, (string)row["task"]!)));
        var read = Demonstrations(test.Store);
        Assert.Equal(["one", "two", "three"], read.Select(row => row.Id));
        Assert.Equal(["Hello!", "Kind words", "3"], read.Select(row => row.Answer.Content));
        Assert.Equal(["system", "user"], read[1].Prompt.AsMessages().Select(turn => turn.Role));
        Assert.Equal("Instruction: Add.\nInput: 1, 2\nAnswer:", read[2].Prompt.Text);
    }

    [Fact]
    public void A_mended_answer_is_a_demonstration_and_better_than_what_it_was_made_from()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(
            """{"kind": "rank_correct", "id": "m", "prompt": "p", "responses": ["bad", "good", "fair"], "response_tokens": [[1], [2], [3]], "scores": [1, 2, 3]}"""));
        var user = test.User("ann");
        var task = test.Store.Next(user, [])!;
        int At(string answer) => task.Responses.Index().Single(one => one.Item == answer).Index;
        test.Store.Submit(user, new Submission(task.Id, "the only one", new Judgement
        {
            Tiers = [[At("good")], [At("fair")], [At("bad")]],
            Corrected = At("good"),
            Written = "very good",
        }, 4));

        var demonstration = Assert.Single(Demonstrations(test.Store));
        Assert.Equal(("p", "very good"), (demonstration.Prompt.Text, demonstration.Answer.Content));
        Assert.Equal("good", (string?)Rows(test.Store, ExportedRows.Demonstrations)[0]["draft"]);
        var ranking = Assert.Single(ReadBack(test.Store, ExportedRows.Comparisons, (source, ledger) => DataReader.Rankings(source, ".", ledger)));
        Assert.Equal(["very good", "good", "fair", "bad"], ranking.Tiers!.Select(tier => ranking.Responses[tier.Single()]));
        Assert.Equal("D > B > C > A", (string?)Rows(test.Store, ExportedRows.Comparisons)[0]["notation"]);
        Assert.Equal("ann", ranking.Labeler);
    }

    [Theory]
    [InlineData("good", 3, "A = B > C")] // Left as it was.
    [InlineData("fair", 3, "C > A = B")] // The mended one is an answer that was there.
    [InlineData("new", 4, "D > A = B > C")]
    public void A_mended_answer_stands_above_all_unless_it_is_one_of_them(string written, int answers, string notation)
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(
            $$"""{"kind": "rank_correct", "prompt": "p", "responses": ["good", "well", "fair"], "ranking": [[0, 1], [2]], "corrected": 0, "written": "{{written}}", "labeler": "ann"}"""));
        var row = Assert.Single(Rows(test.Store, ExportedRows.Comparisons));
        Assert.Equal((answers, notation), (row["responses"]!.AsArray().Count, (string?)row["notation"]));
    }

    [Fact]
    public void Reviewed_demonstrations_go_out_accepted_or_mended_and_not_rejected()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(string.Join('\n', Enumerable.Range(0, 4).Select(i => $$"""{"prompt": "p{{i}}"}""")), TaskKind.Write));
        var (ann, bob) = (test.User("ann"), test.User("bob"));
        for (var i = 0; i < 4; i++)
        {
            TaskRow.Do(test.Store, ann, new Judgement { Written = $"answer {i}" });
        }

        test.Store.Import(TaskRow.Read(TaskRow.Export(test.Store, ExportedRows.Demonstrations), TaskKind.Review).Take(3));
        foreach (var verdict in (Judgement[])
            [new() { Verdict = "accept" }, new() { Verdict = "edit", Written = "better" }, new() { Verdict = "reject", Reason = "wrong" }])
        {
            TaskRow.Do(test.Store, bob, verdict);
        }

        Assert.Equal(["answer 0", "better", "answer 3"], Demonstrations(test.Store).Select(row => row.Answer.Content));
        var rows = Rows(test.Store, ExportedRows.Demonstrations);
        Assert.Equal(["accepted", "edited", null], rows.Select(row => (string?)row["review"]));
        Assert.Equal(["ann", "bob", "ann"], rows.Select(row => (string?)row["labeler"]));
        Assert.Equal(("answer 1", "ann"), ((string?)rows[1]["draft"], (string?)rows[1]["author"]));
    }

    [Fact]
    public void Reviews_of_demonstrations_from_elsewhere_give_demonstrations_by_majority()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Change(settings => settings with { Overlap = 3 });
        test.Store.Import(TaskRow.Read("""{"prompt": "p", "response": "r"}""" + "\n" + """{"prompt": "q", "response": "s"}""", TaskKind.Review));
        foreach (var (name, first, second) in ((string, string, string)[])[("ann", "accept", "reject"), ("bob", "reject", "reject"), ("eve", "accept", "accept")])
        {
            var user = test.User(name);
            TaskRow.Do(test.Store, user, new Judgement { Verdict = first });
            TaskRow.Do(test.Store, user, new Judgement { Verdict = second });
        }

        var row = Assert.Single(Rows(test.Store, ExportedRows.Demonstrations));
        Assert.Equal(("r", "ann,eve"), ((string?)row["response"], string.Join(',', row["reviewed_by"]!.AsArray().Select(name => (string)name!))));
    }

    [Fact]
    public void Written_prompts_are_prompts_with_their_use_case()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read("""{"kind": "prompt", "copies": 2}"""));
        var user = test.User("ann");
        TaskRow.Do(test.Store, user, new Judgement { Written = "Name a fruit.", UseCase = "open_qa" });
        TaskRow.Do(test.Store, user, new Judgement { CannotJudge = "no idea" });
        var row = Assert.Single(Rows(test.Store, ExportedRows.Prompts));
        Assert.Equal(("Name a fruit.", "open_qa", "ann"), ((string?)row["prompt"], (string?)row["use_case"], (string?)row["labeler"]));
        var read = Assert.Single(ReadBack(test.Store, ExportedRows.Prompts, (source, ledger) => DataReader.Prompts(source, ".", ledger)));
        Assert.Equal("Name a fruit.", read.Prompt.Text);
    }

    [Fact]
    public void A_copy_of_a_store_has_everything()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(
            """
            {"kind": "write", "id": "1", "prompt": "w", "draft": "d", "written": "text", "labeler": "ann", "seconds": 3, "prompt_flags": ["harmful"], "reason": "why"}
            {"kind": "review", "id": "2", "prompt": "r", "response": "x", "author": "ann", "verdict": "edit", "written": "y", "labeler": "bob"}
            {"kind": "prompt", "id": "3", "prompt": "about", "use_case": "chat", "written": "Hi", "written_use_case": "other", "labeler": "bob"}
            {"kind": "rank_correct", "id": "4", "prompt": "c", "responses": ["a", "b"], "ranking": [[1], [0]], "corrected": 1, "written": "z", "labeler": "eve", "criteria": [{"True": 1}, {"True": 5}]}
            {"kind": "write", "id": "5", "prompt": "open"}
            {"kind": "review", "id": "6", "prompt": "s", "response": "t", "cannot_judge": "tired", "labeler": "eve"}
            """));
        var all = TaskRow.Export(test.Store, everything: true);
        using var copy = new TestStore(TestStore.Sqlite);
        Assert.Equal(new ImportResult(6, 0, 5), copy.Store.Import(TaskRow.Read(all)));
        static string WithoutTimes(string rows) => System.Text.RegularExpressions.Regex.Replace(rows, "\"(created|updated)_at\":[0-9]+", "");
        Assert.Equal(WithoutTimes(all), WithoutTimes(TaskRow.Export(copy.Store, everything: true)));
        Assert.Contains("\"criteria\":[{\"True\":1},{\"True\":5}]", all, StringComparison.Ordinal);
    }
}
