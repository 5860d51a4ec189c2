using Rlhf.Data;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>Reads and encodes a stage's rows, for its run and for its plan alike. What is encoded stands in a file: only its places are in memory.</summary>
/// <param name="Recipe">The recipe.</param>
/// <param name="Data">Its rows.</param>
/// <param name="Tokenizer">The tokenizer of the model that the stage starts from.</param>
/// <param name="ContextLength">Most tokens of a sequence of that model.</param>
/// <param name="Ledger">What becomes of every row.</param>
/// <param name="Spill">Where encoded rows stand.</param>
/// <param name="Progress">Tells how far the reading of very many rows is.</param>
internal sealed record StageReader(
    Recipe Recipe, StageData Data, Tokenizer Tokenizer, int ContextLength, Ledger Ledger, SpillFile Spill, ProgressReporter Progress)
{
    private const int RowsBetweenReports = 50_000;

    /// <summary>Encodes rows of a source, within limits and the model's context.</summary>
    public SequenceEncoder Encoder(DataSource? source, EncodingOptions limits) => new(Tokenizer, Data.FormatOf(source), limits.Within(ContextLength), Ledger);

    /// <summary>Encodes the recipe's prompts so that an answer fits behind them.</summary>
    /// <exception cref="InputException">No prompt can stand before an answer that long.</exception>
    public SequenceEncoder PromptEncoder(EncodingOptions limits, int maxNewTokens) =>
        new(Tokenizer, Data.FormatOf(Recipe.Data.Prompts), limits.ForPrompts(ContextLength, maxNewTokens), Ledger);

    /// <summary>Rows encoded and stored, in their order on each side.</summary>
    /// <param name="rows">The rows with their sides.</param>
    /// <param name="encode">What a row becomes: nothing where the limits drop it.</param>
    /// <param name="codec">How that is stored.</param>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public (StoredRows<TEncoded> Train, StoredRows<TEncoded> HeldOut) Store<T, TEncoded>(
        IEnumerable<(T Row, bool IsHeldOut)> rows, Func<T, IEnumerable<TEncoded>> encode, RowCodec<TEncoded> codec)
    {
        StoredRows<TEncoded> train = new(Spill, codec), heldOut = new(Spill, codec);
        foreach (var (row, isHeldOut) in Told(rows))
        {
            (isHeldOut ? heldOut : train).AddRange(encode(row));
        }

        return (train, heldOut);
    }

    /// <summary>The same where a row becomes one encoded row, or null where the limits drop it.</summary>
    public (StoredRows<TEncoded> Train, StoredRows<TEncoded> HeldOut) StoreKept<T, TEncoded>(
        IEnumerable<(T Row, bool IsHeldOut)> rows, Func<T, TEncoded?> encode, RowCodec<TEncoded> codec) where TEncoded : class =>
        Store(rows, row => encode(row) is { } encoded ? [encoded] : Array.Empty<TEncoded>(), codec);

    /// <summary>The rows; a person is told of every so many.</summary>
    public IEnumerable<T> Told<T>(IEnumerable<T> rows)
    {
        ProgressTask? progress = null;
        try
        {
            foreach (var (at, row) in rows.Index())
            {
                if (at > 0 && at % RowsBetweenReports == 0)
                {
                    progress ??= Progress.Start(Ledger.Stage, 0, "rows read");
                    progress.Advance(RowsBetweenReports);
                }

                yield return row;
            }
        }
        finally
        {
            progress?.Dispose();
        }
    }

    /// <summary>Plain text in pieces of so many tokens, or of the model's context.</summary>
    public (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Texts(int? contextTokens) =>
        Store(Data.Texts(), Encoder(Recipe.Data.Text, new EncodingOptions { MaxTokens = contextTokens }).Encode, EncodedCodecs.Sequence);

    /// <summary>Prompts with their encoded form; those that the limits dropped are in the ledger.</summary>
    public static List<(PromptRecord Record, EncodedPrompt Encoded)> Encode(SequenceEncoder encoder, IEnumerable<PromptRecord> prompts) =>
        [.. prompts.Select(prompt => (prompt, encoder.Encode(prompt))).Where(pair => pair.Item2 is not null).Select(pair => (pair.prompt, pair.Item2!))];
}
