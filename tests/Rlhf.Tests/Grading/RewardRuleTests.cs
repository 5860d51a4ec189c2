using Rlhf.Grading;

namespace Rlhf.Tests.Grading;

public sealed class RewardRuleTests
{
    [Fact]
    public void Exact_compares_trimmed_texts_by_case_unless_told_otherwise()
    {
        var exact = new RewardSourceOptions { Rule = Graded.Rule("exact"), Reference = "answer" };
        Assert.Equal(1, Graded.By(exact, " 42\n", "42"));
        Assert.Equal(0, Graded.By(exact with { Trim = false }, " 42\n", "42"));
        Assert.Equal(0, Graded.By(exact, "yes", "Yes"));
        Assert.Equal(1, Graded.By(exact with { IgnoreCase = true }, "yes", "Yes"));
        Assert.Equal(0, Graded.By(exact, "42.", "42"));
        Assert.Equal(0, Graded.By(exact, "", "42"));
    }

    [Fact]
    public void Contains_wants_every_text_and_the_reference()
    {
        var contains = new RewardSourceOptions { Rule = Graded.Rule("contains"), Texts = ["please", "thank"], IgnoreCase = true };
        Assert.Equal(1, Graded.By(contains, "Please, and THANK you"));
        Assert.Equal(0, Graded.By(contains, "please"));
        Assert.Equal(1, Graded.By(contains with { Texts = [], Reference = "answer" }, "it is Paris, surely", " paris "));
        Assert.Equal(0, Graded.By(contains with { Reference = "answer" }, "please thank", "Paris"));
        Assert.Contains("stands in every answer", Graded.ErrorsOf(contains with { Texts = [""] }), StringComparison.Ordinal);
        Assert.Contains("stands in every answer", Graded.Rule("contains").ProblemWith("  "), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_matches_in_bounded_time_or_is_refused()
    {
        var regex = new RewardSourceOptions { Rule = Graded.Rule("regex"), Pattern = @"^<think>[\s\S]*</think>\s*<answer>.+</answer>$" };
        Assert.Equal(1, Graded.By(regex, "<think>a\nb</think>\n<answer>5</answer>"));
        Assert.Equal(0, Graded.By(regex, "<think>a</think>"));
        Assert.Equal(0, Graded.By(regex with { Pattern = "^(a+)+$" }, new string('a', 50_000) + "!"));
        Assert.Equal(1, Graded.By(regex with { Pattern = "ÄB", IgnoreCase = true }, "xäby"));
        Assert.Contains("bounded time", Graded.ErrorsOf(regex with { Pattern = @"(a)\1" }), StringComparison.Ordinal);
        Assert.Contains("bounded time", Graded.ErrorsOf(regex with { Pattern = "(?=a)b" }), StringComparison.Ordinal);
        Assert.Contains("no regular expression", Graded.ErrorsOf(regex with { Pattern = "(" }), StringComparison.Ordinal);
        Assert.Contains("r.pattern: is missing", Graded.ErrorsOf(regex with { Pattern = null }), StringComparison.Ordinal);
    }

    [Fact]
    public void Length_is_counted_in_tokens_or_words()
    {
        var length = new RewardSourceOptions { Rule = Graded.Rule("length"), AtMost = 4 };
        Assert.Equal(1, Graded.By(length, "a b c d e f", tokens: 4));
        Assert.Equal(0, Graded.By(length, "", tokens: 5));
        Assert.Equal(0, Graded.By(length with { Unit = LengthUnit.Words }, " a b\nc\td  e"));
        Assert.Equal(1, Graded.By(length with { Unit = LengthUnit.Words }, " a b\nc\td  "));
        Assert.Equal(0, Graded.By(length with { AtLeast = 2 }, "", tokens: 1));
        var target = length with { AtMost = null, Target = 10 };
        Assert.Equal(1, Graded.By(target, "", tokens: 10));
        Assert.Equal(0.7f, Graded.By(target, "", tokens: 7));
        Assert.Equal(0.5f, Graded.By(target, "", tokens: 15));
        Assert.Equal(0, Graded.By(target, "", tokens: 40));
        Assert.Contains("one of the two", Graded.ErrorsOf(target with { AtMost = 5 }), StringComparison.Ordinal);
        Assert.Contains("r.target: is missing", Graded.ErrorsOf(length with { AtMost = null }), StringComparison.Ordinal);
        Assert.Contains("must not be above at_most", Graded.ErrorsOf(length with { AtLeast = 9 }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a": [1, 2.5e3, null, true, "x"]}""", 1)]
    [InlineData(" 5 \n", 1)]
    [InlineData("", 0)]
    [InlineData("{\"a\": 1,}", 0)]
    [InlineData("{\"a\": 1} // done", 0)]
    [InlineData("{\"a\": 1, \"a\": 2}", 0)]
    [InlineData("Sure: {}", 0)]
    [InlineData("{} {}", 0)]
    [InlineData("{'a': 1}", 0)]
    [InlineData("NaN", 0)]
    [InlineData("\"\\ud800\"", 0)]
    public void Json_is_one_whole_value(string text, float expected) =>
        Assert.Equal(expected, Graded.By(new RewardSourceOptions { Rule = Graded.Rule("json") }, text));

    [Fact]
    public void Json_that_is_too_deep_is_none() =>
        Assert.Equal(0, Graded.By(new RewardSourceOptions { Rule = Graded.Rule("json") }, new string('[', 100_000) + new string(']', 100_000)));

    [Fact]
    public void A_source_is_one_thing_and_has_only_its_keys()
    {
        Assert.Contains("only one", Graded.ErrorsOf(new RewardSourceOptions()), StringComparison.Ordinal);
        Assert.Contains("only one", Graded.ErrorsOf(new RewardSourceOptions { Rule = Graded.Rule("json"), Model = "m" }), StringComparison.Ordinal);
        Assert.Contains("r.pattern: has no effect with rule: json",
            Graded.ErrorsOf(new RewardSourceOptions { Rule = Graded.Rule("json"), Pattern = "a" }, "pattern"), StringComparison.Ordinal);
        Assert.Contains("r.reference: has no effect with model", Graded.ErrorsOf(new RewardSourceOptions { Model = "m", Reference = "a" }, "reference"),
            StringComparison.Ordinal);
        Assert.Contains("r.restarts: has no effect without program", Graded.ErrorsOf(new RewardSourceOptions { Model = "m" }, "restarts"),
            StringComparison.Ordinal);
        Assert.Contains("small letters", Graded.ErrorsOf(new RewardSourceOptions { Model = "m", Name = "My Model" }), StringComparison.Ordinal);
        Assert.Equal("", Graded.ErrorsOf(new RewardSourceOptions { Model = "m", Name = "my-model", Weight = -1 }));
    }
}
