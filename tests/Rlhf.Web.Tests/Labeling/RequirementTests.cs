using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>What the owner requires holds for every program that hands something in, not for the page alone.</summary>
public sealed class RequirementTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    private static Judgement Ranked(string? reason = null, params (string Name, int Score)[][] scores) => new()
    {
        Tiers = [[0], [1]],
        Reason = reason,
        Scores = [.. scores.Select(IReadOnlyDictionary<string, int> (own) => own.ToDictionary(score => score.Name, score => score.Score))],
    };

    private static SubmissionResult Submit(TestStore test, LabelUser user, LabelTask task, Judgement judgement, bool edit = false) =>
        test.Store.Submit(user, new Submission(task.Id, Guid.NewGuid().ToString(), judgement, 1, edit));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_ranking_without_the_required_reason_is_not_stored(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Change(settings => settings with { Reason = "required" });
        test.Store.Import(TestStore.Rows(1, 2));
        var ann = test.User("ann");
        var task = test.Store.Next(ann, [])!;
        Assert.Equal(SubmissionResult.ReasonMissing, Submit(test, ann, task, Ranked(" ")));
        Assert.Empty(test.Store.Rankings());
        Assert.Equal(task.Id, test.Store.Next(ann, [])!.Id);
        Assert.Equal(SubmissionResult.Stored, Submit(test, ann, task, Ranked("clearer")));
        Assert.Equal(SubmissionResult.ReasonMissing, Submit(test, ann, task, Ranked(), edit: true));
        Assert.Equal("clearer", Assert.Single(test.Store.Rankings()).Judgement.Reason);
    }

    [Theory]
    [InlineData("review", """{"verdict": "accept"}""", true)]
    [InlineData("rank_correct", """{"tiers": [[0], [1]], "written": "x", "corrected": 0}""", true)]
    [InlineData("write", """{"written": "x"}""", false)]
    [InlineData("prompt", """{"written": "x", "use_case": "chat"}""", false)]
    [InlineData("rank", """{"cannot_judge": "no idea"}""", false)]
    public void A_reason_is_required_where_something_is_ranked_or_reviewed(string kind, string judgement, bool isRequired)
    {
        var given = System.Text.Json.JsonSerializer.Deserialize<Judgement>(judgement, StoreJson.Options)!;
        var lacking = JudgementRules.Lacking(given, kind == "review" ? 1 : 2, TaskKinds.Find(kind)!.Value, new LabelSettings { Reason = "required" });
        Assert.Equal(isRequired ? SubmissionResult.ReasonMissing : null, lacking);
    }

    [Fact]
    public void A_required_score_is_needed_for_every_answer_and_on_its_scale()
    {
        var settings = new LabelSettings { Criteria = "Truthful: 1-5, required\nHelpful: 0-3" };
        SubmissionResult? Lacking(Judgement judgement) => JudgementRules.Lacking(judgement, 2, TaskKind.Rank, settings);
        Assert.Equal(SubmissionResult.ScoreMissing, Lacking(Ranked()));
        Assert.Equal(SubmissionResult.ScoreMissing, Lacking(Ranked(null, [("Truthful", 5)], [("Helpful", 2)])));
        Assert.Equal(SubmissionResult.ScoreMissing, Lacking(Ranked(null, [("Truthful", 5)], [("Truthful", 6)])));
        Assert.Equal(SubmissionResult.ScoreMissing, Lacking(Ranked(null, [("Truthful", 5)], [("Truthful", 1), ("Helpful", 4)])));
        Assert.Null(Lacking(Ranked(null, [("Truthful", 5)], [("Truthful", 1), ("Helpful", 0)])));
        Assert.Null(Lacking(new Judgement { CannotJudge = "no idea" }));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_skipped_task_is_not_done_and_goes_to_the_next_labeler(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(2, 2));
        var (ann, bob) = (test.User("ann"), test.User("bob"));
        var skipped = test.Store.Next(ann, [])!;
        Assert.Equal(SubmissionResult.Stored, Submit(test, ann, skipped, new Judgement { CannotJudge = "no idea" }));
        Assert.Equal(new LabelProgress(1, 0, 2), test.Store.Progress(ann));
        Assert.NotEqual(skipped.Id, test.Store.Next(ann, [])!.Id);
        Assert.Equal(skipped.Id, test.Store.Next(bob, [])!.Id);
        Submit(test, bob, skipped, Ranked());
        Assert.Equal(1, test.Store.Progress("1").Done);

        // Others have done it meanwhile.
        Assert.Equal(SubmissionResult.TooLate, Submit(test, ann, skipped, Ranked(), edit: true));
        Assert.Equal(SubmissionResult.Stored, Submit(test, bob, skipped, new Judgement { CannotJudge = "after all" }, edit: true));
        Assert.Equal(0, test.Store.Progress("1").Done);
        Assert.Equal(SubmissionResult.Stored, Submit(test, ann, skipped, Ranked(), edit: true));
        Assert.Equal((1, 2), test.Store.Progress("1"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_was_written_is_given_to_others_to_review_where_the_owner_says_so(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TaskRow.Read("""{"kind": "write", "prompt": "Greet me.", "id": "g"}"""));
        var (ann, bob) = (test.User("ann"), test.User("bob"));
        test.Store.Change(settings => settings with { Reviews = true });
        var task = TaskRow.Do(test.Store, ann, new Judgement { Written = "Hello" });
        Assert.Null(test.Store.Next(ann, []));
        Submit(test, ann, task, new Judgement { Written = "Good day" }, edit: true);

        // Of the two forms only the last one is asked about.
        Assert.Equal((0, 1), test.Store.Progress("1/review"));
        var review = test.Store.Next(bob, [])!;
        Assert.Equal((TaskKind.Review, "Good day"), (review.Kind, review.Responses[0]));
        Assert.Equal(SubmissionResult.Stored, Submit(test, bob, review, new Judgement { Verdict = "accept" }));
        Assert.Null(test.Store.Next(bob, []));
        var row = Assert.Single(WrittenExport.Demonstrations(test.Store, new ExportOptions()));
        Assert.Equal(("Good day", "accepted"), ((string?)row["response"], (string?)row["review"]));

        // Back to the first form: it is asked about again.
        Submit(test, ann, task, new Judgement { Written = "Hello" }, edit: true);
        Assert.Equal("Hello", test.Store.Next(bob, [])!.Responses[0]);
    }

    [Fact]
    public void What_was_written_is_not_reviewed_without_the_setting()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read("""{"kind": "write", "prompt": "Greet me."}"""));
        TaskRow.Do(test.Store, test.User("ann"), new Judgement { Written = "Hello" });
        Assert.Null(test.Store.Next(test.User("bob"), []));
    }
}
