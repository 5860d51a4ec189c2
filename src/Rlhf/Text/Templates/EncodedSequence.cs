namespace Rlhf.Text.Templates;

/// <summary>One sequence as the model sees it.</summary>
/// <param name="Tokens">[T] token ids, prompt then response, with the beginning- and end-of-sequence tokens where the format adds them.</param>
/// <param name="PromptLength">
/// Tokens of the prompt, at least 1: the response is <c>Tokens[PromptLength..]</c>. In plain text it is 1, since the first token is never predicted.
/// </param>
/// <param name="TrainOn">
/// Per response token (<c>TrainOn[i]</c> is for <c>Tokens[PromptLength + i]</c>): whether it counts in the loss. Null: all of them do.
/// </param>
/// <param name="RowId">The row it came from.</param>
/// <param name="Truncated">Whether tokens were cut off; a cut response has no end-of-sequence token.</param>
public sealed record EncodedSequence(int[] Tokens, int PromptLength, bool[]? TrainOn, string RowId, bool Truncated)
{
    /// <summary>Tokens of the response.</summary>
    public int ResponseLength => Tokens.Length - PromptLength;

    /// <summary>Response tokens that count in the loss.</summary>
    public int TrainedTokens => TrainOn is null ? ResponseLength : TrainOn.Count(trained => trained);

    /// <summary><see cref="TrainOn"/> with a flag for every token of the sequence, the prompt's false; null: all response tokens.</summary>
    public bool[]? MaskOverTokens() => TrainOn is null ? null : [.. new bool[PromptLength], .. TrainOn];
}

/// <summary>A prompt as the model sees it, ready for generation.</summary>
/// <param name="RowId">The row it came from.</param>
/// <param name="PromptText">The text behind the tokens.</param>
/// <param name="Tokens">[T] token ids, at least one.</param>
/// <param name="Truncated">Whether the beginning of the prompt was cut off.</param>
public sealed record EncodedPrompt(string RowId, string PromptText, int[] Tokens, bool Truncated);
