using Rlhf.Tokenization;

namespace Rlhf.Data;

/// <summary>Turns records into token ids within limits; what is cut or dropped is counted in the ledger.</summary>
public sealed class SequenceEncoder
{
    /// <summary>Creates an encoder for a tokenizer, a format and limits.</summary>
    /// <exception cref="InputException">The format needs what the tokenizer lacks (a chat template, an end-of-sequence token).</exception>
    public SequenceEncoder(Tokenizer tokenizer, FormatOptions format, EncodingOptions limits, Ledger ledger) => throw new NotImplementedException();

    /// <summary>A prompt with its response; null when the limits dropped it.</summary>
    public EncodedSequence? Encode(Demonstration demonstration) => throw new NotImplementedException();

    /// <summary>A prompt with its K answers; null when the limits dropped it.</summary>
    public EncodedRanking? Encode(Ranking ranking) => throw new NotImplementedException();

    /// <summary>A prompt for generation; null when the limits dropped it.</summary>
    public EncodedPrompt? Encode(PromptRecord prompt) => throw new NotImplementedException();

    /// <summary>A text in pieces of at most <see cref="EncodingOptions.MaxTokens"/>, each starting with the last token of the one before, so every token is predicted once.</summary>
    public IEnumerable<EncodedSequence> Encode(TextDocument text) => throw new NotImplementedException();
}
