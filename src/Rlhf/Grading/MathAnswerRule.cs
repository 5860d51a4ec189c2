namespace Rlhf.Grading;

/// <summary>1 where the answer's number is that of the field `reference` by value, else 0. The number is the first one behind the last `####`, or else that in
/// the last `\boxed{}`, or else the last one; commas between thousands, signs, decimals, fractions (`3/4`, `\frac{3}{4}`) and powers of ten (`1e3`) are
/// read.</summary>
internal sealed class MathAnswerRule : RewardRule
{
    public override string Name => "math_answer";

    internal override IReadOnlyList<string> Keys => [nameof(RewardSourceOptions.Reference)];

    internal override void Validate(RewardSourceOptions options, OptionErrors errors) => RequireReference(options, errors);

    internal override string? ProblemWith(string reference) =>
        MathNumber.AnswerOf(reference) is { IsNumber: true } ? null : "it holds no number, and math_answer compares numbers";

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options) => answer =>
        MathNumber.AnswerOf(answer.Text) is { } given && MathNumber.AnswerOf(ReferenceOf(answer, options)) is { } right && given.IsSame(right) ? 1 : 0;
}
