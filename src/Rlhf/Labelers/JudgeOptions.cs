namespace Rlhf.Labelers;

/// <summary>A model behind the OpenAI chat API that compares answers two by two, each pair in both orders.</summary>
public sealed record JudgeOptions : ChatOptions
{
    /// <summary>The question, with the fields <c>{prompt}</c>, <c>{first}</c> and <c>{second}</c> for the prompt and the two answers.</summary>
    public string Prompt { get; init; } =
        "Which answer to the prompt is better: more helpful, more truthful, less harmful? Length is no merit.\n\n# Prompt\n{prompt}\n\n# Answer A\n{first}\n\n# Answer B\n{second}\n\nReply with one word: A, B or tie.";

    /// <summary>The word by which the judge prefers the answer that stands first: the last line of its reply, apart from punctuation and case.</summary>
    public string First { get; init; } = "A";

    /// <summary>The word by which it prefers the answer that stands second.</summary>
    public string Second { get; init; } = "B";

    /// <summary>The word by which it holds them for equally good.</summary>
    public string Tie { get; init; } = "tie";

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        ValidateCalls(errors);
        ValidateTemplate(errors, Prompt, nameof(Prompt), ["prompt", "first", "second"], ["first", "second"]);
        string[] words = [.. new[] { First, Second, Tie }.Select(WordOf)];
        errors.Require(!words.Contains("") && words.Distinct().Count() == 3, nameof(First), "first, second and tie must be three different words");
    }
}
