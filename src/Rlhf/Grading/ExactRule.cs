namespace Rlhf.Grading;

/// <summary>1 where the answer is the text of the field `reference`, else 0; white space around both does not count unless `trim: false`, case counts unless
/// `ignore_case: true`.</summary>
internal sealed class ExactRule : RewardRule
{
    public override string Name => "exact";

    internal override IReadOnlyList<string> Keys =>
        [nameof(RewardSourceOptions.Reference), nameof(RewardSourceOptions.Trim), nameof(RewardSourceOptions.IgnoreCase)];

    internal override void Validate(RewardSourceOptions options, OptionErrors errors) => RequireReference(options, errors);

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options)
    {
        var comparison = options.IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        string Compared(string text) => options.Trim ? text.Trim() : text;
        return answer => Compared(answer.Text).Equals(Compared(ReferenceOf(answer, options)), comparison) ? 1 : 0;
    }
}
