namespace Rlhf.Data;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>; a chat template decides what it accepts.</param>
/// <param name="Content">What is said, as plain text.</param>
public sealed record Message(string Role, string Content);
