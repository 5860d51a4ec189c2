using Rlhf.Grading;

namespace Rlhf.Tests.Grading;

/// <summary>Answers to grade.</summary>
internal static class Graded
{
    /// <summary>An answer of one-letter tokens to the prompt "q?".</summary>
    public static GradedAnswer Answer(string text, string? reference = null, int tokens = 3) => new(
        new GradedPrompt("row:1", "q?", reference is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["answer"] = reference }),
        text, new int[2 + tokens], 2);

    /// <summary>What a rule gives it.</summary>
    public static float By(RewardSourceOptions options, string text, string? reference = null, int tokens = 3) =>
        options.Rule!.With(options)(Answer(text, reference, tokens));

    /// <summary>A rule by its name.</summary>
    public static RewardRule Rule(string name) => RewardRules.All.Single(rule => rule.Name == name);

    /// <summary>What is wrong with options; one sentence a line.</summary>
    public static string ErrorsOf(RewardSourceOptions options, params string[] given)
    {
        var errors = new OptionErrors("r", given.Select(key => $"r.{key}").ToHashSet());
        options.Validate(errors);
        return string.Join('\n', errors.All.Select(error => $"{error.Key}: {error.Message}"));
    }
}
