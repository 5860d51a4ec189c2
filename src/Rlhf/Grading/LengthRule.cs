namespace Rlhf.Grading;

/// <summary>What lengths are counted in.</summary>
public enum LengthUnit
{
    /// <summary>Tokens of the answer, the one that ends it included.</summary>
    Tokens,

    /// <summary>Words: what stands between white space.</summary>
    Words,
}

/// <summary>By the answer's length in `unit`: with `target` 1 at that length, falling to 0 at none or twice as much; with `at_least` and `at_most` 1 within
/// them, else 0.</summary>
internal sealed class LengthRule : RewardRule
{
    public override string Name => "length";

    internal override IReadOnlyList<string> Keys =>
        [nameof(RewardSourceOptions.Unit), nameof(RewardSourceOptions.Target), nameof(RewardSourceOptions.AtLeast), nameof(RewardSourceOptions.AtMost)];

    internal override void Validate(RewardSourceOptions options, OptionErrors errors)
    {
        var isBounded = options.AtLeast is not null || options.AtMost is not null;
        errors.Require(options.Target is not null || isBounded, nameof(options.Target), "is missing; or give at_least or at_most");
        errors.Require(options.Target is null || !isBounded, nameof(options.Target), "stands beside at_least or at_most; give one of the two");
        errors.Require(options.Target is null or > 0, nameof(options.Target), "must be above 0, or none");
        errors.Require(options.AtLeast is null or > 0, nameof(options.AtLeast), "must be above 0, or none");
        errors.Require(options.AtMost is null or > 0, nameof(options.AtMost), "must be above 0, or none");
        errors.Require(!(options.AtLeast > options.AtMost), nameof(options.AtLeast), "must not be above at_most");
    }

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options) => answer =>
    {
        var length = options.Unit == LengthUnit.Tokens ? answer.Tokens.Length - answer.PromptLength : WordsOf(answer.Text);
        return options.Target is { } target ? (float)Math.Max(0, 1 - (Math.Abs((double)length - target) / target))
            : length < (options.AtLeast ?? 0) || length > (options.AtMost ?? int.MaxValue) ? 0 : 1;
    };

    private static int WordsOf(string text)
    {
        var (words, wasSpace) = (0, true);
        foreach (var character in text)
        {
            var isSpace = char.IsWhiteSpace(character);
            words += wasSpace && !isSpace ? 1 : 0;
            wasSpace = isSpace;
        }

        return words;
    }
}
