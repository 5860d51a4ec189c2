using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Web.Serving;

/// <summary>A model that is served: its decoder, its tokenizer, and the form of its prompts.</summary>
public abstract class ServedModel : IDisposable
{
    // Texts of all models: what they share is the machine.
    private static readonly SemaphoreSlim Encodings = new(Limits.ParallelEncodings);

    private readonly FormatOptions _format;

    /// <summary>Takes what requests need from the model's files.</summary>
    /// <param name="name">How requests call it.</param>
    /// <param name="model">Its files.</param>
    /// <param name="decoder">The model, which somebody else frees.</param>
    /// <param name="context">Tokens of prompt and answer at most; null for the model's own limit.</param>
    /// <exception cref="InputException">The folder has no tokenizer, or not this model's.</exception>
    protected ServedModel(string name, Checkpoint model, Decoder decoder, int? context = null)
    {
        (Name, Decoder, Tokenizer) = (name, decoder, model.Tokenizer);
        Context = Math.Min(context ?? int.MaxValue, decoder.Config.ContextLength);
        _format = model.Format;
        Encoder = EncoderWith(new Dictionary<string, string>());
        RoundedAgain = model.RoundedAgain;
        OtherBase = model.OtherBase;
        Fingerprint = "fp_" + model.Hash[..12];
        if (Tokenizer.VocabularySize > decoder.Config.VocabularySize)
        {
            throw new InputException(
                $"{model.Folder}: the tokenizer has {Tokenizer.VocabularySize} tokens, the model only {decoder.Config.VocabularySize}: the folder's tokenizer is not this model's.");
        }
    }

    /// <summary>How requests call it.</summary>
    public string Name { get; }

    /// <summary>Text to ids and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Names the weights.</summary>
    public string Fingerprint { get; }

    /// <inheritdoc cref="Checkpoint.RoundedAgain"/>
    public IReadOnlyCollection<string> RoundedAgain { get; }

    /// <inheritdoc cref="Checkpoint.OtherBase"/>
    public string? OtherBase { get; }

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset Loaded { get; } = DateTimeOffset.UtcNow;

    internal Decoder Decoder { get; }

    /// <summary>Tokens of prompt and answer at most.</summary>
    internal int Context { get; }

    /// <summary>Prompts and answers in the form of the model's training. Safe for several threads as its ledger is not read.</summary>
    internal SequenceEncoder Encoder { get; }

    /// <summary>The same with other variables of the chat template beside those of the training.</summary>
    /// <exception cref="InputException">The template fails with them.</exception>
    internal SequenceEncoder EncoderWith(IReadOnlyDictionary<string, string> variables)
    {
        var all = new Dictionary<string, string>(_format.Variables, StringComparer.Ordinal);
        foreach (var (name, value) in variables)
        {
            all[name] = value;
        }

        return new SequenceEncoder(Tokenizer, _format with { Variables = all }, new EncodingOptions(), new Ledger(Name)) { MostTokens = Context };
    }

    /// <summary>Makes a request's texts into tokens when its turn has come.</summary>
    /// <exception cref="OperationCanceledException">The client has left.</exception>
    internal static async Task<T> Encoding<T>(Func<T> encode, CancellationToken cancellation)
    {
        await Encodings.WaitAsync(cancellation);
        try
        {
            cancellation.ThrowIfCancellationRequested();
            return encode();
        }
        finally
        {
            Encodings.Release();
        }
    }

    /// <summary>The refusal of a text that cannot fit, however few tokens it had.</summary>
    internal ApiException TooLong(string parameter) => ApiException.Invalid(
        FormattableString.Invariant(
            $"This model's maximum context length is {Context} tokens. However, the {parameter} has more. Please reduce the length of the {parameter}."),
            parameter, "context_length_exceeded");

    /// <summary>Ends what uses the decoder, then frees it.</summary>
    public abstract void Dispose();
}
