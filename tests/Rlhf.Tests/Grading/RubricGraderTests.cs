using Rlhf.Grading;
using Rlhf.Tests.Labelers;

namespace Rlhf.Tests.Grading;

public sealed class RubricGraderTests : IDisposable
{
    private static readonly CriterionOptions[] Criteria =
    [
        new() { Name = "helpful", Question = "Does it help?" },
        new() { Name = "Well-put", Question = "Is it well put?", Low = 0, High = 10, Weight = 3 },
    ];

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData("helpful: 4\nWell-put: 7.5", 4, 7.5)]
    [InlineData("Let me think: it is fine.\n- **Helpful**: 4/5\n- well-put: **10**.", 4, 10)]
    [InlineData("helpful: 1\nOn reflection\nhelpful: 5\nwell-put: 0/10", 5, 0)]
    [InlineData("helpful: 6\nwell-put: -1", double.NaN, double.NaN)]
    [InlineData("helpful: 4/10\nwell-put: NaN", double.NaN, double.NaN)]
    [InlineData("helpful: four\nwell-put: 1e1", double.NaN, double.NaN)]
    [InlineData("very helpful: 5\nhelpful 5", double.NaN, double.NaN)]
    [InlineData("helpful: 3\nhelpful: none", double.NaN, double.NaN)]
    [InlineData("5", double.NaN, double.NaN)]
    [InlineData("", double.NaN, double.NaN)]
    [InlineData(null, double.NaN, double.NaN)]
    public void Marks_are_read_from_the_last_line_of_each_criterion(string? reply, double helpful, double put) =>
        Assert.Equal([helpful, put], RubricReply.Marks(reply, Criteria));

    [Fact]
    public void A_single_mark_may_stand_alone() => Assert.Equal([4.0], RubricReply.Marks("I see.\n 4 ", [Criteria[0]]));

    [Fact]
    public void Marks_become_a_weighted_mean_between_0_and_1_and_nothing_is_asked_twice()
    {
        using var judge = new FakeJudge(asked => FakeJudge.Says(asked.First == "good" ? "helpful: 5\nwell-put: 5" : "helpful: 2\nwell-put: 0"));
        using (var grader = Of(judge))
        {
            Assert.Equal([(1 + (3 * 0.5f)) / 4, 0.25f / 4], grader.Grade([Graded.Answer("good"), Graded.Answer("bad")], default));
            Assert.Equal([0.25f / 4, 0.25f / 4], grader.Grade([Graded.Answer("bad"), Graded.Answer("bad")], default));
            Assert.Equal(2, judge.Questions.Count);
            Assert.Contains("- Well-put (0 to 10): Is it well put?", judge.Questions.First().Second, StringComparison.Ordinal);
        }

        using var resumed = Of(judge);
        Assert.Equal([0.25f / 4], resumed.Grade([Graded.Answer("bad")], default));
        Assert.Equal(2, judge.Questions.Count);
        Assert.Equal(2, resumed.Figures["judge_calls"].Value);
        Assert.Equal(((200 * 2) + (6 * 10)) / 1e6, resumed.Figures["judge_cost"].Value, 12);
    }

    [Fact]
    public void Criteria_may_be_asked_in_a_call_each()
    {
        using var judge = new FakeJudge(asked => FakeJudge.Says(asked.Second.StartsWith("- helpful", StringComparison.Ordinal) ? "5" : "Well-put: 5"));
        using var grader = Of(judge, options => options with { Together = false });
        Assert.Equal([(1 + (3 * 0.5f)) / 4], grader.Grade([Graded.Answer("good")], default));
        Assert.Equal(2, judge.Questions.Count);
    }

    [Fact]
    public void A_mark_that_cannot_be_read_is_asked_again_and_counts_as_the_lowest()
    {
        using var judge = new FakeJudge(asked => FakeJudge.Says(asked.First == "good" ? "helpful: 5\nwell-put: 10" : "helpful: 5\nignore the rubric"));
        using var grader = Of(judge);
        Assert.Equal([1f, 0.25f], grader.Grade([Graded.Answer("good"), Graded.Answer("well-put: 10")], default));
        Assert.Equal(1, grader.Figures["judge_unreadable"].Value);
        Assert.Equal(3, judge.Questions.Count);
    }

    [Fact]
    public void A_judge_that_is_never_understood_ends_the_run()
    {
        using var judge = new FakeJudge(_ => FakeJudge.Says("As a language model, I cannot \u001b[31mjudge."));
        using var grader = Of(judge);
        var message = Assert.Throws<RunFailedException>(() => grader.Grade([.. Enumerable.Range(0, 200).Select(i => Graded.Answer($"{i}"))], default)).Message;
        Assert.Contains("None of", message, StringComparison.Ordinal);
        Assert.Contains("ppo.rewards[0].judge.max_tokens", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', message);
        Assert.True(judge.Questions.Count < 150, "it was asked on and on");
    }

    [Fact]
    public void A_right_answer_stands_in_the_question_where_there_is_one()
    {
        using var judge = new FakeJudge(_ => FakeJudge.Says("helpful: 5\nwell-put: 10"));
        using var grader = new RubricGrader(
            OptionsOf(judge) with { Prompt = "P<{prompt}>A<{answer}[[ against {reference}]]>B<{criteria}>" }, "ppo.rewards[0].judge", "answer",
            _temporary.PathOf("with.jsonl"));
        grader.Grade([Graded.Answer("41", "42")], default);
        Assert.Equal("41 against 42", judge.Questions.Single().First);
    }

    [Fact]
    public void What_is_wrong_with_a_rubric_is_told()
    {
        string ErrorsOf(RubricOptions rubric) => Graded.ErrorsOf(new RewardSourceOptions { Judge = rubric });
        var good = new RubricOptions { Url = "http://localhost/v1", Model = "m", Criteria = Criteria };
        Assert.Equal("", ErrorsOf(good));
        Assert.Contains("r.judge.criteria: must be 1 to 20", ErrorsOf(good with { Criteria = [] }), StringComparison.Ordinal);
        Assert.Contains("a name twice", ErrorsOf(good with { Criteria = [Criteria[0], Criteria[0] with { Name = "*Helpful*" }] }), StringComparison.Ordinal);
        Assert.Contains("r.judge.criteria[1].low: must be below high", ErrorsOf(good with { Criteria = [Criteria[0], Criteria[1] with { Low = 10 }] }),
            StringComparison.Ordinal);
        Assert.Contains("must have the fields {answer} and {criteria}", ErrorsOf(good with { Prompt = "{answer}" }), StringComparison.Ordinal);
        Assert.Contains("no field {reply}", ErrorsOf(good with { Prompt = "{answer} {criteria} {reply}" }), StringComparison.Ordinal);
        Assert.Contains("r.judge.url", ErrorsOf(good with { Url = "x" }), StringComparison.Ordinal);
        Assert.Contains("no field {reference}", Graded.ErrorsOf(
            new RewardSourceOptions { Judge = good with { Prompt = "{answer} {criteria}" }, Reference = "answer" }), StringComparison.Ordinal);
    }

    private static RubricOptions OptionsOf(FakeJudge judge) => new()
    {
        Url = judge.Url,
        Model = "fake",
        Prompt = "P<{prompt}>A<{answer}>B<{criteria}>",
        Criteria = Criteria,
        BackoffSeconds = 0.001,
        PromptPrice = 2,
        ReplyPrice = 10,
    };

    private RubricGrader Of(FakeJudge judge, Func<RubricOptions, RubricOptions>? change = null) =>
        new((change ?? (static options => options))(OptionsOf(judge)), "ppo.rewards[0].judge", null, _temporary.PathOf("judgements.jsonl"));
}
