namespace Rlhf.Grading;

/// <summary>1 where the answer holds every text of `texts` and, where it is given, that of the field `reference`, else 0; case counts unless
/// `ignore_case: true`.</summary>
internal sealed class ContainsRule : RewardRule
{
    public override string Name => "contains";

    internal override IReadOnlyList<string> Keys =>
        [nameof(RewardSourceOptions.Reference), nameof(RewardSourceOptions.Texts), nameof(RewardSourceOptions.IgnoreCase)];

    internal override void Validate(RewardSourceOptions options, OptionErrors errors)
    {
        errors.Require(options.Texts.Count > 0 || options.Reference is not null, nameof(options.Texts),
            "is missing: what the answer has to hold; or reference, the field of a prompt's row that says it");
        errors.Require(options.Texts.All(static text => text.Length > 0), nameof(options.Texts), "an empty text stands in every answer");
    }

    internal override string? ProblemWith(string reference) => reference.Trim().Length > 0 ? null : "it is empty, and stands in every answer";

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options)
    {
        var comparison = options.IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return answer => options.Texts.All(text => answer.Text.Contains(text, comparison))
            && (options.Reference is null || answer.Text.Contains(ReferenceOf(answer, options).Trim(), comparison)) ? 1 : 0;
    }
}
