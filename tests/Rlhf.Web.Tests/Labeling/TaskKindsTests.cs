using Microsoft.Data.Sqlite;
using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

public sealed class TaskKindsTests
{
    private const string Rows =
        """
        {"prompt": "rank", "responses": ["a", "b"]}
        {"kind": "write", "prompt": "write", "draft": "A draft."}
        {"kind": "rank_correct", "prompt": "mend", "responses": ["bad", "good", "fair"]}
        {"kind": "review", "prompt": "review", "response": "Written by ann.", "labeler": "ann"}
        {"kind": "prompt", "prompt": "Ask for a summary.", "use_case": "summarization"}
        """;

    public static TheoryData<string> Kinds => TestStore.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_task_of_each_kind_comes_with_what_it_needs(string kind)
    {
        using var test = new TestStore(kind);
        Assert.Equal(new ImportResult(5, 0, 0), test.Store.Import(TaskRow.Read(Rows)));
        Assert.Equal(new ImportResult(0, 5, 0), test.Store.Import(TaskRow.Read(Rows)));
        var user = test.User("bob");
        var given = new List<LabelTask>();
        while (test.Store.Next(user, [.. given.Select(task => task.Id)]) is { } task)
        {
            given.Add(task);
            test.Store.Submit(user, new Submission(task.Id, $"skip {task.Id:D8}", new Judgement { CannotJudge = "x" }, 1));
        }

        Assert.Equal([TaskKind.Rank, TaskKind.Write, TaskKind.RankCorrect, TaskKind.Review, TaskKind.Prompt], given.Select(task => task.Kind));
        Assert.Equal([2, 0, 3, 1, 0], given.Select(task => task.Responses.Count));
        Assert.Equal(("A draft.", "Written by ann.", "summarization"), (given[1].Draft, given[3].Responses[0], given[4].UseCase));
        Assert.Equal(given.Select(task => task.Kind).Reverse(), test.Store.Recent(user).Select(one => one.Kind));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_was_written_is_stored_with_every_earlier_form_of_it(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TaskRow.Read("""{"kind": "write", "prompt": "Greet me."}"""));
        var user = test.User("ann");
        const string text = "Hello \0 \"you\" \ud83d\ude00\n\n    code  \n";
        var task = TaskRow.Do(test.Store, user, new Judgement { Written = text, PromptFlags = ["off_topic"], Comment = "c" }, seconds: 7);
        Assert.Equal(SubmissionResult.Stored,
            test.Store.Submit(user, new Submission(task.Id, "an edit of it", new Judgement { Written = text + "!" }, 2, Edit: true, Revision: 0)));

        var stored = Assert.Single(test.Open().Rankings());
        Assert.Equal((text + "!", 9.0, 1, "ann"), (stored.Judgement.Written, stored.Seconds, stored.Edits, stored.Labeler));
        Assert.Equal([text, text + "!"], test.Store.History(task.Id).Select(version => version.Judgement.Written!));
        Assert.Equal(text + "!", test.Store.Again(user, task.Id)!.Given!.Written);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Unfinished_work_comes_back_with_its_task_until_it_is_handed_in(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TaskRow.Read("""{"kind": "rank_correct", "prompt": "p", "responses": ["a", "b", "c"]}"""));
        var (ann, bob) = (test.User("ann"), test.User("bob"));
        var task = test.Store.Next(ann, [])!;
        var work = new UnfinishedWork(task.Id, new Judgement { Tiers = [[2], [0, 1]], Written = "so far", Corrected = 2 }, 12);
        Assert.True(test.Store.Keep(ann, work));
        Assert.False(test.Store.Keep(bob, work));

        var again = test.Open().Next(ann, [])!;
        Assert.Equal((task.Id, "so far", 2, 12.0), (again.Id, again.Work!.Judgement.Written, again.Work.Judgement.Corrected, again.Work.Seconds));
        Assert.Equal(task.Responses, again.Responses);
        Assert.Throws<InputException>(() => test.Store.Keep(ann, work with { Judgement = new Judgement { Corrected = 3 } }));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nobody_reviews_what_they_wrote(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TaskRow.Read("""{"kind": "review", "prompt": "p", "response": "r", "author": "ann"}"""));
        Assert.Null(test.Store.Next(test.User("ann"), []));
        Assert.NotNull(test.Store.Next(test.User("bob"), []));
    }

    [Fact]
    public void Who_mended_a_demonstration_does_not_review_it_again()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read("""{"prompt": "p", "response": "r", "author": "ann", "labeler": "bob", "review": "edited", "task": "review"}""", TaskKind.Review));
        Assert.Null(test.Store.Next(test.User("bob"), []));
        Assert.NotNull(test.Store.Next(test.User("ann"), []));
    }

    [Fact]
    public void A_prompt_to_write_may_be_asked_for_many_times()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read("""{"kind": "prompt", "copies": 3}"""));
        var user = test.User("ann");
        for (var i = 0; i < 3; i++)
        {
            TaskRow.Do(test.Store, user, new Judgement { Written = $"prompt {i}", UseCase = "chat" });
        }

        Assert.Null(test.Store.Next(user, []));
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "write", """{"written": "  "}""" },
        { "write", """{"written": "x", "verdict": "accept"}""" },
        { "write", """{"written": "x", "tiers": []}""" },
        { "review", """{"verdict": "edit"}""" },
        { "review", """{"verdict": "accept", "written": "x"}""" },
        { "review", """{"verdict": "perhaps"}""" },
        { "prompt", """{"written": "x"}""" },
        { "prompt", """{"written": "x", "use_case": "poetry"}""" },
        { "rank_correct", """{"tiers": [[0], [1]]}""" },
        { "rank_correct", """{"tiers": [[0], [1]], "written": "x", "corrected": 1}""" },
        { "rank_correct", """{"tiers": [[0], [1]], "written": "x", "corrected": 2}""" },
        { "rank_correct", """{"written": "x", "corrected": 0}""" },
        { "write", """{"written": "x", "cannot_judge": "y"}""" },
        { "write", """{"written": "x", "prompt_flags": ["ugly"]}""" },
        { "rank_correct", """{"tiers": [[0], [1]], "written": "x", "corrected": 0, "scores": [{"a": 1}]}""" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_what_was_asked_for_is_refused(string kind, string judgement)
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(
            kind == "rank_correct" ? """{"kind": "rank_correct", "prompt": "p", "responses": ["a", "b"]}"""
            : kind == "review" ? """{"kind": "review", "prompt": "p", "response": "a"}""" : $$"""{"kind": "{{kind}}", "prompt": "p"}"""));
        var user = test.User("ann");
        var task = test.Store.Next(user, [])!;
        var said = System.Text.Json.JsonSerializer.Deserialize<Judgement>(judgement, StoreJson.Options)!;
        Assert.Throws<InputException>(() => test.Store.Submit(user, new Submission(task.Id, "a key of mine", said, 1)));
        Assert.Empty(test.Store.Rankings());
    }

    [Theory]
    [InlineData("""{"kind": "poem", "prompt": "p"}""", "expected as kind one of rank, write, rank_correct, review, prompt")]
    [InlineData("""{"kind": "review", "prompt": "p"}""", "a response")]
    [InlineData("""{"kind": "write", "response": "p"}""", "a prompt")]
    [InlineData("""{"kind": "prompt", "use_case": "poetry"}""", "expected as use case")]
    [InlineData("""{"kind": "rank_correct", "prompt": "p"}""", "responses")]
    [InlineData("""{"kind": "write", "prompt": "p", "draft": 5}""", "a text")]
    public void A_row_that_is_no_task_is_refused_with_its_place(string row, string message)
    {
        var error = Assert.Throws<InputException>(() => TaskRow.Read("""{"kind": "write", "prompt": "fine"}""" + "\n" + row));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(":2:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_of_an_earlier_program_goes_on_with_all_that_is_in_it()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TestStore.Rows(2));
        var user = test.User("ann");
        TaskRow.Do(test.Store, user, new Judgement { CannotJudge = "no" });
        TaskRow.Do(test.Store, user, new Judgement { Tiers = [[0], [1], [2]], Comment = "\"cannot_judge\":\"x\"" });
        ToVersion4(test.Address);

        var opened = test.Open();
        Assert.Equal(2, opened.Rankings().Count);
        // What was skipped is open again.
        Assert.Equal((1, 2), opened.Progress("1"));
        Assert.Equal("Prompt 0", opened.Next(test.User("bob"), [])!.Messages[0].Content);
        Assert.Equal(new ImportResult(5, 0, 0), opened.Import(TaskRow.Read(Rows)));
    }

    private static void ToVersion4(string file)
    {
        using var connection = new SqliteConnection($"Data Source={file}");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText =
            """
            ALTER TABLE tasks DROP COLUMN characters; ALTER TABLE rankings DROP COLUMN skipped;
            ALTER TABLE tasks DROP COLUMN kind; ALTER TABLE tasks DROP COLUMN author; ALTER TABLE leases DROP COLUMN work;
            UPDATE schema_version SET version = 4; UPDATE tasks SET done = 1;
            UPDATE contents SET content = json_remove(content, '$.kind', '$.draft', '$.author', '$.use_case');
            UPDATE rankings SET judgement = json_remove(judgement, '$.scores', '$.written', '$.corrected', '$.verdict', '$.use_case', '$.prompt_flags', '$.reason');
            """;
        command.ExecuteNonQuery();
    }
}
