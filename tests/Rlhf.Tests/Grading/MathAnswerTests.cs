using Rlhf.Grading;

namespace Rlhf.Tests.Grading;

public sealed class MathAnswerTests
{
    private static readonly RewardSourceOptions Math = new() { Rule = Graded.Rule("math_answer"), Reference = "answer" };

    [Theory]
    [InlineData("3 + 4 = 7, so 14.\n#### 14", "14")]
    [InlineData("14", "She sells 2 * 7 = <<2*7=14>>14.\n#### 14")]
    [InlineData("The answer is 1,234.", "1234")]
    [InlineData("$1,234,567.50", "1234567.5")]
    [InlineData("it is -5", "-5")]
    [InlineData("it is \u22125 degrees", "-5")]
    [InlineData("he owes -$5", "-5")]
    [InlineData("0.50", "1/2")]
    [InlineData(".5", "1/2")]
    [InlineData(@"\boxed{\frac{3}{4}}", "0.75")]
    [InlineData(@"\boxed{-\dfrac{3}{4}} and 9 more words", "-3/4")]
    [InlineData(@"\boxed{\frac34}", "6/8")]
    [InlineData(@"so \boxed{12{,}500} of 3", "12500")]
    [InlineData(@"first \boxed{1}, no: \boxed{x = \text{about } 2}", "2")]
    [InlineData("7.0", "7")]
    [InlineData("+7", "7")]
    [InlineData("1e3", "1000")]
    [InlineData("2.5E-1", "0.25")]
    [InlineData("12 apples (5kg)", "5")]
    [InlineData("It takes 42 units of H2O.", "42")]
    [InlineData("between 3-5", "5")]
    [InlineData("#### 18\n\nQuestion: what is 99?", "18")]
    [InlineData("1,2345", "2345")]
    [InlineData("0007", "7")]
    [InlineData("99999999999999999999999999999999.1", "99999999999999999999999999999999.10")]
    public void Numbers_of_the_same_value_are_right_however_they_are_written(string answer, string reference) =>
        Assert.Equal(1, Graded.By(Math, answer, reference));

    [Theory]
    [InlineData("14", "15")]
    [InlineData("", "15")]
    [InlineData("fifteen", "15")]
    [InlineData("#### ", "15")]
    [InlineData("15 #### none", "15")]
    [InlineData("5", "-5")]
    [InlineData("3/0", "3")]
    [InlineData("3/0", "0")]
    [InlineData(@"\frac{3}{0}", "3/4")]
    [InlineData(@"15 \boxed{", "15")]
    [InlineData(@"15 \boxed{15", "15")]
    [InlineData(@"15 \boxed{}", "15")]
    [InlineData("99999999999999999999999999999999.1", "99999999999999999999999999999999.2")]
    [InlineData("1e999", "1")]
    [InlineData("\u0661\u0665", "15")]
    [InlineData("x15", "15")]
    public void Anything_else_is_wrong(string answer, string reference) => Assert.Equal(0, Graded.By(Math, answer, reference));

    [Fact]
    public void Hostile_answers_take_no_more_than_their_length()
    {
        string[] hostile =
        [
            new('9', 300_000), new('{', 100_000), string.Concat(Enumerable.Repeat(@"\boxed{", 50_000)), string.Concat(Enumerable.Repeat(@"\frac", 50_000)),
            string.Concat(Enumerable.Repeat("1/", 100_000)), string.Concat(Enumerable.Repeat("-", 100_000)) + "5", "1e" + new string('9', 100_000),
            string.Concat(Enumerable.Repeat(",111", 100_000)), "\ud800 \u0000 7\ufffd",
        ];
        foreach (var answer in hostile)
        {
            Assert.InRange(Graded.By(Math, answer, "123456"), 0, 0);
        }
    }

    [Fact]
    public void A_right_answer_without_a_number_is_told()
    {
        Assert.Null(Graded.Rule("math_answer").ProblemWith("#### 5"));
        Assert.Contains("holds no number", Graded.Rule("math_answer").ProblemWith("five"), StringComparison.Ordinal);
        Assert.Contains("holds no number", Graded.Rule("math_answer").ProblemWith("5/0"), StringComparison.Ordinal);
        Assert.Contains("r.reference: is missing", Graded.ErrorsOf(Math with { Reference = null }), StringComparison.Ordinal);
    }
}
