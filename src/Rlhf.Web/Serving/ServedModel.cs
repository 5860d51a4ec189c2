using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Web.Serving;

/// <summary>A model that is served: its decoder on a device of its own, its tokenizer, and the form of its prompts.</summary>
public abstract class ServedModel : IDisposable
{
    // Texts of all models: what they share is the machine.
    private static readonly SemaphoreSlim Encodings = new(Limits.ParallelEncodings);

    private readonly IDevice _device = Devices.Create();

    /// <summary>Loads the model.</summary>
    /// <exception cref="InputException">The folder is not a sound model of this kind, or has no tokenizer.</exception>
    protected ServedModel(string name, string folder, HeadKind kind, int? context = null, bool shifted = false, WeightStorage? storage = null)
    {
        Name = name;
        try
        {
            var model = Checkpoint.Open(folder);
            Tokenizer = model.Tokenizer;
            var format = model.Format;
            Decoder = model.Load(_device, kind, trainable: false, storage, shifted);
            Context = Math.Min(context ?? int.MaxValue, Decoder.Config.ContextLength);
            Encoder = new SequenceEncoder(Tokenizer, format, new EncodingOptions(), new Ledger(name)) { MostTokens = Context };
            RoundedAgain = model.RoundedAgain;
            Fingerprint = "fp_" + model.Hash[..12];
            if (Tokenizer.VocabularySize > Decoder.Config.VocabularySize)
            {
                throw new InputException(
                    $"{folder}: the tokenizer has {Tokenizer.VocabularySize} tokens, the model only {Decoder.Config.VocabularySize}: the folder's tokenizer is not this model's.");
            }
        }
        catch
        {
            Decoder?.Dispose();
            _device.Dispose();
            throw;
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

    /// <summary>When it was loaded.</summary>
    public DateTimeOffset Loaded { get; } = DateTimeOffset.UtcNow;

    internal Decoder Decoder { get; }

    /// <summary>Tokens of prompt and answer at most.</summary>
    internal int Context { get; }

    /// <summary>Prompts and answers in the form of the model's training. Safe for several threads as its ledger is not read.</summary>
    internal SequenceEncoder Encoder { get; }

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

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends what uses the decoder, then frees it.</summary>
    protected virtual void Dispose(bool disposing)
    {
        Decoder.Dispose();
        _device.Dispose();
    }
}

/// <summary>A language model with the worker that generates for all requests.</summary>
public sealed class ServedLanguageModel : ServedModel
{
    private readonly SequenceEncoder _plain;

    /// <summary>Loads the model and starts its worker.</summary>
    /// <param name="name">How requests call it.</param>
    /// <param name="folder">A Hugging Face folder.</param>
    /// <param name="parallel">Answers that are generated at once.</param>
    /// <param name="queue">Answers that may wait.</param>
    /// <param name="context">Tokens of prompt and answer at most; null for the model's own limit.</param>
    /// <param name="storage">What the matrices are kept in; null: what loses nothing.</param>
    public ServedLanguageModel(string name, string folder, int parallel, int queue, int? context = null, WeightStorage? storage = null)
        : base(name, folder, HeadKind.Language, context, storage: storage)
    {
        _plain = new SequenceEncoder(Tokenizer, new FormatOptions { AddEos = false }, new EncodingOptions(), new Ledger(name)) { MostTokens = Context };
        Worker = new GenerationWorker(Decoder, parallel, Context, queue);
    }

    internal GenerationWorker Worker { get; }

    /// <summary>A conversation in the form of the model's training.</summary>
    internal int[] Encode(IReadOnlyList<Message> messages) => EncodeUpToContext(messages) ?? throw TooLong("messages");

    /// <summary>The same; null where it has more tokens than the context, which ends the work.</summary>
    internal int[]? EncodeUpToContext(IReadOnlyList<Message> messages) => EncodeUpToContext(Encoder, Prompt.FromConversation(messages), "messages");

    /// <summary>A text as it is; the empty one is the beginning-of-sequence token alone.</summary>
    internal int[] Encode(string text) => text.Length > 0 ? EncodeUpToContext(_plain, Prompt.FromText(text), "prompt") ?? throw TooLong("prompt")
        : [Tokenizer.BeginningOfSequence ?? throw ApiException.Invalid(
            "The prompt is empty and the tokenizer has no beginning-of-sequence token: give some text to continue.", "prompt")];

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Worker.Dispose();
        base.Dispose(disposing);
    }

    private static int[]? EncodeUpToContext(SequenceEncoder encoder, Prompt prompt, string parameter)
    {
        try
        {
            return encoder.Encode(new PromptRecord(parameter, prompt, new RowPosition(parameter, 1, 1)))!.Tokens;
        }
        catch (TooManyTokensException)
        {
            return null;
        }
        catch (InputException exception)
        {
            throw ApiException.Invalid(exception.Message, parameter);
        }
    }
}

/// <summary>A reward model; requests use it one after the other.</summary>
public sealed class ServedRewardModel : ServedModel
{
    private const int RowBudget = 2048;
    private readonly Scorer _scorer;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly int _queue;
    private int _inside;

    /// <summary>Loads the model.</summary>
    /// <param name="name">How requests call it.</param>
    /// <param name="folder">A Hugging Face folder with a scalar head.</param>
    /// <param name="queue">Requests that may wait.</param>
    /// <param name="shifted">Whether the folder's <c>score_shift</c> is added to the scores, as PPO does.</param>
    /// <param name="storage">What the matrices are kept in; null: what loses nothing.</param>
    public ServedRewardModel(string name, string folder, int queue, bool shifted = false, WeightStorage? storage = null)
        : base(name, WithScore(folder), HeadKind.Scalar, shifted: shifted, storage: storage)
    {
        _queue = queue;
        _scorer = new Scorer(Decoder, RowBudget);
    }

    /// <summary>Scores of answers; those to the same prompt go through the model together.</summary>
    internal async Task<float[]> Score(IReadOnlyList<EncodedSequence> answers, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _inside) > _queue + 1)
        {
            Interlocked.Decrement(ref _inside);
            throw ApiException.Busy();
        }

        try
        {
            await _turn.WaitAsync(cancellation);
            try
            {
                return await Task.Run(
                    () => _scorer.Rewards([.. answers.Select(static answer => answer.Tokens)], [.. answers.Select(static answer => answer.PromptLength)]),
                    CancellationToken.None);
            }
            finally
            {
                _turn.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }

    private static string WithScore(string folder) => Checkpoint.Open(folder).Score is not null ? folder
        : throw new InputException($"{folder}: this is a language model, not a reward model: it has no score.weight. Serve it with --model.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _turn.Wait();
        _scorer.Dispose();
        _turn.Dispose();
        base.Dispose(disposing);
    }
}
