namespace Rlhf.Sampling;

/// <summary>An answer sampled to a prompt.</summary>
/// <param name="Prompt">Token ids of the prompt.</param>
/// <param name="Response">Token ids of the answer, the end-of-sequence token included if it was reached.</param>
/// <param name="LogProbabilities">Per response token: its log-probability under the model at the sampling temperature, over the whole vocabulary.</param>
/// <param name="Finished">Whether the answer ended by itself rather than at the token limit.</param>
public sealed record Completion(int[] Prompt, int[] Response, float[] LogProbabilities, bool Finished)
{
    /// <summary>Prompt and response.</summary>
    public int[] Tokens { get; } = [.. Prompt, .. Response];

    /// <summary>The response that people read: without the token that ended it, which need not be a special one.</summary>
    public ReadOnlySpan<int> ResponseWithoutEnd => Response.AsSpan(0, Response.Length - (Finished ? 1 : 0));
}

/// <summary>How a batch of answers is generated.</summary>
public sealed record GenerationSettings
{
    /// <summary><see cref="LiveSequences"/> where nothing else is said.</summary>
    public const int DefaultLiveSequences = 128;

    /// <summary>How tokens are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>What else is changed in the logits; null for nothing, as in all rollouts.</summary>
    public LogitChanges? Changes { get; init; }

    /// <summary>An answer is cut after this many tokens.</summary>
    public required int MaxNewTokens { get; init; }

    /// <summary>For each prompt: an answer to it is cut after this many tokens, where that is sooner; null: <see cref="MaxNewTokens"/> alone limits.</summary>
    public IReadOnlyList<int>? Limits { get; init; }

    /// <summary>Ids that end an answer; they are part of it.</summary>
    public required IReadOnlyList<int> EndIds { get; init; }

    /// <summary>The seed; token t of answer r is drawn with the number of (seed, stream, r, t), whatever else is in the batch.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The random stream, for example the PPO step.</summary>
    public ulong Stream { get; init; }

    /// <summary>Number of the first answer in the stream.</summary>
    public uint FirstRow { get; init; }

    /// <summary>Sequences that are decoded at once.</summary>
    public int LiveSequences { get; init; } = DefaultLiveSequences;

    /// <summary>Rows of one forward pass at most: longer prompts are prefilled in parts.</summary>
    public int RowBudget { get; init; } = 2048;
}
