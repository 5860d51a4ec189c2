namespace Rlhf.Data;

/// <summary>A field of a row that holds what a right answer is.</summary>
/// <param name="Name">The data's name; with points for a field within another.</param>
/// <param name="Key">The recipe's key that names it, for messages.</param>
/// <param name="ProblemWith">What is wrong with a text as a right answer; null for nothing.</param>
internal sealed record ReferenceField(string Name, string Key, Func<string, string?> ProblemWith);
