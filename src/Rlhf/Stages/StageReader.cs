using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>Reads and encodes a stage's rows, for its run and for its plan alike.</summary>
/// <param name="Recipe">The recipe.</param>
/// <param name="Data">Its rows.</param>
/// <param name="Tokenizer">The tokenizer of the model that the stage starts from.</param>
/// <param name="ContextLength">Most tokens of a sequence of that model.</param>
/// <param name="Ledger">What becomes of every row.</param>
internal sealed record StageReader(Recipe Recipe, StageData Data, Tokenizer Tokenizer, int ContextLength, Ledger Ledger)
{
    /// <summary>Encodes rows of a source, within limits and the model's context.</summary>
    public SequenceEncoder Encoder(DataSource? source, EncodingOptions limits) => new(Tokenizer, Data.FormatOf(source), limits.Within(ContextLength), Ledger);

    /// <summary>Encodes the recipe's prompts so that an answer fits behind them.</summary>
    /// <exception cref="InputException">No prompt can stand before an answer that long.</exception>
    public SequenceEncoder PromptEncoder(EncodingOptions limits, int maxNewTokens) =>
        new(Tokenizer, Data.FormatOf(Recipe.Data.Prompts), limits.ForPrompts(ContextLength, maxNewTokens), Ledger);

    /// <summary>Plain text in pieces of so many tokens, or of the model's context.</summary>
    public (List<EncodedSequence> Train, List<EncodedSequence> HeldOut) Texts(int? contextTokens)
    {
        var encoder = Encoder(Recipe.Data.Text, new EncodingOptions { MaxTokens = contextTokens });
        var (train, heldOut) = Data.Texts();
        return ([.. train.SelectMany(encoder.Encode)], [.. heldOut.SelectMany(encoder.Encode)]);
    }

    /// <summary>Prompts with their encoded form; those that the limits dropped are in the ledger.</summary>
    public static List<(PromptRecord Record, EncodedPrompt Encoded)> Encode(SequenceEncoder encoder, IEnumerable<PromptRecord> prompts) =>
        [.. prompts.Select(prompt => (prompt, encoder.Encode(prompt))).Where(pair => pair.Item2 is not null).Select(pair => (pair.prompt, pair.Item2!))];
}
