using System.Text.RegularExpressions;

namespace Rlhf.Grading;

/// <summary>1 where `pattern` matches somewhere in the answer, else 0; `^` and `$` are its beginning and end, `.` is not a line end (write `[\s\S]`). Matching
/// takes time in proportion to the answer, so look-arounds and back-references are refused.</summary>
internal sealed class RegexRule : RewardRule
{
    public override string Name => "regex";

    internal override IReadOnlyList<string> Keys => [nameof(RewardSourceOptions.Pattern), nameof(RewardSourceOptions.IgnoreCase)];

    internal override void Validate(RewardSourceOptions options, OptionErrors errors)
    {
        if (options.Pattern is null)
        {
            errors.Add(nameof(options.Pattern), "is missing: the regular expression that the answer has to match");
        }
        else if (Problem(options.Pattern) is { } problem)
        {
            errors.Add(nameof(options.Pattern), problem);
        }
    }

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options)
    {
        var pattern = Compile(options.Pattern!, options.IgnoreCase);
        return answer => pattern.IsMatch(answer.Text) ? 1 : 0;
    }

    /// <summary>A pattern whose time is bounded by the length of what it is matched with.</summary>
    internal static Regex Compile(string pattern, bool ignoreCase) => new(
        pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | (ignoreCase ? RegexOptions.IgnoreCase : RegexOptions.None));

    /// <summary>What is wrong with a pattern; null for nothing.</summary>
    internal static string? Problem(string pattern)
    {
        try
        {
            _ = Compile(pattern, ignoreCase: false);
            return null;
        }
        catch (NotSupportedException)
        {
            return "has a look-around, a back-reference or too large a count, which cannot be matched in bounded time; write it without";
        }
        catch (ArgumentException exception)
        {
            return $"is no regular expression: {FailureText.Of(exception)}";
        }
    }
}
