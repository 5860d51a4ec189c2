using System.Runtime.InteropServices;
using Rlhf.Text.Grammars;

namespace Rlhf.Sampling;

/// <summary>One answer that is wanted, with settings of its own: it depends on these alone, whatever else is generated at the same time.</summary>
public sealed record GenerationRequest
{
    /// <summary>Token ids, at least one.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>Number of the model among those that generate together.</summary>
    public int Model { get; init; }

    /// <summary>How tokens are drawn.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>What else is changed in the logits; null for nothing.</summary>
    public LogitChanges? Changes { get; init; }

    /// <summary>What the answer's text must be; null for anything.</summary>
    public TokenGrammar? Grammar { get; init; }

    /// <summary>The answer is cut after this many tokens; 0 only where the prompt is scored.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>Whether the log-probabilities of the prompt's own tokens are wanted.</summary>
    public bool ScoresPrompt { get; init; }

    /// <summary>Ids that end the answer; they are part of it.</summary>
    public required IReadOnlyList<int> EndIds { get; init; }

    /// <summary>The seed; token t is drawn with the number of (seed, stream, row, t).</summary>
    public required ulong Seed { get; init; }

    /// <summary>The random stream.</summary>
    public ulong Stream { get; init; }

    /// <summary>Number of the answer in the stream.</summary>
    public uint Row { get; init; }

    /// <summary>Divides the logits before log-probabilities are taken from them; 1 for the model's own.</summary>
    public double LogProbabilityTemperature { get; init; } = 1;

    /// <summary>Of this many most probable tokens at each place ids and log-probabilities are kept, too.</summary>
    public int TopLogProbabilities { get; init; }

    /// <summary>Whether there is anything to do, and no more than fits.</summary>
    /// <param name="capacity">Tokens of prompt and answer together at most.</param>
    public bool Fits(int capacity) =>
        Prompt.Length > 0 && MaxNewTokens >= (ScoresPrompt ? 0 : 1) && (long)Prompt.Length + MaxNewTokens <= capacity;
}

/// <summary>A token and its log-probability.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="LogProbability">Natural logarithm of its probability over the whole vocabulary.</param>
public readonly record struct TokenProbability(int Id, float LogProbability);

/// <summary>A token of a prompt that was scored.</summary>
/// <param name="LogProbability">Its log-probability after those before it, over the whole vocabulary: the bits that a scorer gives.</param>
/// <param name="Top">The most probable tokens in its place, best first; empty unless they were asked for.</param>
public readonly record struct TokenScore(float LogProbability, TokenProbability[] Top);

/// <summary>An answer on its way: grows by one token in each pass that draws for it.</summary>
public sealed class GenerationSequence
{
    private readonly List<int> _tokens;
    private readonly List<float> _logProbabilities;
    private readonly List<TokenProbability[]> _top = [];
    private readonly List<TokenScore> _promptScores = [];

    internal GenerationSequence(GenerationRequest request, int slot)
    {
        Request = request;
        Slot = slot;
        _tokens = new List<int>(request.Prompt.Length + request.MaxNewTokens);
        _tokens.AddRange(request.Prompt);
        _logProbabilities = new List<float>(request.MaxNewTokens);
        Grammar = request.Grammar?.Start();
    }

    /// <summary>What is wanted.</summary>
    public GenerationRequest Request { get; }

    /// <summary>Prompt and answer so far.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The answer so far, the end-of-sequence token included if it was reached.</summary>
    public ReadOnlySpan<int> Response => Tokens[Request.Prompt.Length..];

    /// <summary>Per token of the answer: its log-probability over the whole vocabulary.</summary>
    public ReadOnlySpan<float> LogProbabilities => CollectionsMarshal.AsSpan(_logProbabilities);

    /// <summary>Per token of the answer: the most probable tokens there, best first; empty unless they were asked for.</summary>
    public IReadOnlyList<TokenProbability[]> Top => _top;

    /// <summary>Per token of the prompt but its first, which nothing predicts; empty unless they were asked for.</summary>
    public IReadOnlyList<TokenScore> PromptScores => _promptScores;

    /// <summary>Whether the last pass drew a token for it.</summary>
    public bool HasDrawn { get; internal set; }

    /// <summary>Why nothing could be drawn: the model's logits for it are not finite. It must be taken out.</summary>
    public RunFailedException? Failure { get; internal set; }

    /// <summary>Whether an end-of-sequence token was drawn.</summary>
    public bool Finished => Response is [.., var last] && Request.EndIds.Contains(last);

    /// <summary>Whether the answer is whole without an end-of-sequence token: its grammar lets nothing follow.</summary>
    public bool IsComplete => Grammar is { IsComplete: true };

    /// <summary>Whether nothing is to be done any more.</summary>
    public bool IsDone => Finished || IsComplete || (Response.Length == Request.MaxNewTokens && IsScored);

    /// <summary>Where the answer is in its grammar; null where it has none.</summary>
    internal GrammarCursor? Grammar { get; }

    /// <summary>Whether all scores of the prompt that were asked for are there.</summary>
    internal bool IsScored => !Request.ScoresPrompt || _promptScores.Count == Request.Prompt.Length - 1;

    internal int Slot { get; }

    /// <summary>Tokens that the next pass feeds.</summary>
    internal int Feeding { get; set; }

    /// <summary>Tokens whose keys and values are in the cache.</summary>
    internal int Fed { get; set; }

    /// <summary>Number of the rotary angles (<see cref="Model.DecoderConfig.RotaryRegime"/>) of what is in the cache.</summary>
    internal int RotaryRegime { get; set; }

    internal void Append(int token, float logProbability)
    {
        _tokens.Add(token);
        _logProbabilities.Add(logProbability);
    }

    internal void AppendTop(TokenProbability[] top) => _top.Add(top);

    internal void AppendScore(TokenScore score) => _promptScores.Add(score);

    /// <summary>Tokens that wait to be fed. Of a prompt that is only scored the last one predicts nothing that is wanted.</summary>
    internal int Unfed => Tokens.Length - Fed - (Request.MaxNewTokens == 0 ? 1 : 0);

    /// <summary>Of the tokens that the next pass feeds, those whose prediction is wanted: the last one's where a token is drawn, and those in front of the
    /// tokens of the prompt that have no score yet.</summary>
    internal int WantedRows() => Request.ScoresPrompt && !IsScored
        ? Math.Min(Feeding, Fed + Feeding - _promptScores.Count)
        : HasDrawn ? 1 : 0;

    /// <summary>The answer as it is now.</summary>
    internal Completion ToCompletion() => new(Request.Prompt, Response.ToArray(), LogProbabilities.ToArray(), Finished);
}
