namespace Rlhf.Grading;

/// <summary>What was asked, as far as graders may need it.</summary>
/// <param name="Id">The row's id.</param>
/// <param name="Text">The prompt as a person reads it.</param>
/// <param name="References">The fields of the row that hold what a right answer is, by the names in the recipe.</param>
public sealed record GradedPrompt(string Id, string Text, IReadOnlyDictionary<string, string> References);

/// <summary>An answer that is to be given a number.</summary>
/// <param name="Prompt">What was asked.</param>
/// <param name="Text">The answer as a person reads it.</param>
/// <param name="Tokens">Prompt and answer, the token that ended it included.</param>
/// <param name="PromptLength">Tokens of the prompt.</param>
public sealed record GradedAnswer(GradedPrompt Prompt, string Text, int[] Tokens, int PromptLength);
