namespace Rlhf.Grading;

/// <summary>A rule that gives an answer a number. Its documentation comment is what the recipe reference says of it.</summary>
public abstract class RewardRule
{
    /// <summary>As in a recipe: <c>math_answer</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The properties of <see cref="RewardSourceOptions"/> that it reads.</summary>
    internal abstract IReadOnlyList<string> Keys { get; }

    /// <summary>Adds what is wrong with its options.</summary>
    internal virtual void Validate(RewardSourceOptions options, OptionErrors errors)
    {
    }

    /// <summary>What is wrong with a text as a right answer; null for nothing.</summary>
    internal virtual string? ProblemWith(string reference) => null;

    /// <summary>The rule with its options: pure, and safe to use from several threads.</summary>
    internal abstract Func<GradedAnswer, float> With(RewardSourceOptions options);

    /// <summary>The right answer of a prompt.</summary>
    private protected static string ReferenceOf(GradedAnswer answer, RewardSourceOptions options) => answer.Prompt.References[options.Reference!];

    private protected static void RequireReference(RewardSourceOptions options, OptionErrors errors) =>
        errors.Require(options.Reference is not null, nameof(options.Reference), "is missing: the field of a prompt's row that holds the right answer");
}
