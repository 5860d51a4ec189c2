using System.Runtime.InteropServices;

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

    /// <summary>The answer is cut after this many tokens.</summary>
    public required int MaxNewTokens { get; init; }

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
}

/// <summary>A token and its log-probability.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="LogProbability">Natural logarithm of its probability over the whole vocabulary.</param>
public readonly record struct TokenProbability(int Id, float LogProbability);

/// <summary>An answer on its way: grows by one token in each pass that draws for it.</summary>
public sealed class GenerationSequence
{
    private readonly List<int> _tokens;
    private readonly List<float> _logProbabilities;
    private readonly List<TokenProbability[]> _top = [];

    internal GenerationSequence(GenerationRequest request, int slot)
    {
        Request = request;
        Slot = slot;
        _tokens = new List<int>(request.Prompt.Length + request.MaxNewTokens);
        _tokens.AddRange(request.Prompt);
        _logProbabilities = new List<float>(request.MaxNewTokens);
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

    /// <summary>Whether the last pass drew a token for it.</summary>
    public bool HasDrawn { get; internal set; }

    /// <summary>Why nothing could be drawn: the model's logits for it are not finite. It must be taken out.</summary>
    public RunFailedException? Failure { get; internal set; }

    /// <summary>Whether the answer ended by itself.</summary>
    public bool Finished => Response is [.., var last] && Request.EndIds.Contains(last);

    /// <summary>Whether nothing is to be drawn any more.</summary>
    public bool IsDone => Finished || Response.Length == Request.MaxNewTokens;

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

    /// <summary>The answer as it is now.</summary>
    internal Completion ToCompletion() => new(Request.Prompt, Response.ToArray(), LogProbabilities.ToArray(), Finished);
}
