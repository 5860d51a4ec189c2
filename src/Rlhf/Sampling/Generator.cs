using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Sampling;

/// <summary>
/// Samples answers to many prompts at once: a sequence that ends gives its slot to the next prompt. An answer depends on its prompt, its number and the seed
/// alone. Several answers to
/// one prompt, wherever it stands in the list, are sampled one after another, so that its keys and values are computed once.
/// </summary>
/// <param name="decoder">The model; its present weights are read at each call.</param>
/// <param name="sharedArena">Memory for activations that is used by others in turn; null for memory of its own.</param>
public sealed class Generator(Decoder decoder, Arena? sharedArena = null) : IDisposable
{
    private readonly GenerationBatch _batch = new(decoder, sharedArena);

    /// <summary>Answers to the prompts, in their order.</summary>
    /// <param name="prompts">Token ids, at least one each.</param>
    /// <param name="settings">How to sample.</param>
    /// <param name="onToken">Told the number of the answer and the token after each draw.</param>
    /// <param name="cancellation">Ends the work between passes.</param>
    /// <exception cref="RunFailedException">The model's logits are not finite.</exception>
    public Completion[] Generate(
        IReadOnlyList<int[]> prompts, GenerationSettings settings, Action<int, int>? onToken = null, CancellationToken cancellation = default)
    {
        settings.Sampling.Validate();
        settings.Changes?.Validate(decoder.Config.VocabularySize);
        if (settings.Limits is { } limits && (limits.Count != prompts.Count || limits.Any(static limit => limit < 1)))
        {
            throw new ArgumentException($"{prompts.Count} prompts need as many limits, each at least 1.", nameof(settings));
        }

        var completions = new Completion[prompts.Count];
        if (prompts.Count == 0)
        {
            return completions;
        }

        Reserve(prompts, settings);
        var order = PromptFamilies.Order(prompts, [.. prompts.Select(static prompt => prompt.Length)]);
        var next = 0;
        try
        {
            while (next < prompts.Count || _batch.Live.Count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                for (; next < prompts.Count && _batch.HasFree; next++)
                {
                    _batch.Add(Request(order[next], prompts[order[next]], settings));
                }

                _batch.Step(settings.RowBudget);
                Collect(settings, completions, onToken);
            }
        }
        finally
        {
            _batch.Clear();
        }

        return completions;
    }

    /// <inheritdoc/>
    public void Dispose() => _batch.Dispose();

    private void Reserve(IReadOnlyList<int[]> prompts, GenerationSettings settings)
    {
        var longest = 0;
        foreach (var prompt in prompts)
        {
            if (prompt.Length == 0)
            {
                throw new InputException("A prompt has no token: give it some text, or a model whose tokenizer has a beginning-of-sequence token.");
            }

            longest = Math.Max(longest, prompt.Length);
        }

        var capacity = longest + settings.MaxNewTokens;
        if (capacity > decoder.Config.ContextLength)
        {
            throw new InputException(
                $"A prompt of {longest} tokens and {settings.MaxNewTokens} new ones do not fit the model's context of {decoder.Config.ContextLength}: shorten the prompt or lower the number of new tokens.");
        }

        _batch.Reserve(Math.Min(prompts.Count, settings.LiveSequences), capacity);
    }

    private static GenerationRequest Request(int number, int[] prompt, GenerationSettings settings) => new()
    {
        Prompt = prompt,
        Sampling = settings.Sampling,
        Changes = settings.Changes,
        MaxNewTokens = Math.Min(settings.MaxNewTokens, settings.Limits?[number] ?? int.MaxValue),
        EndIds = settings.EndIds,
        Seed = settings.Seed,
        Stream = settings.Stream,
        Row = settings.FirstRow + (uint)number,
        LogProbabilityTemperature = settings.Sampling.IsGreedy ? 1 : settings.Sampling.Temperature,
    };

    /// <summary>Tells of the tokens that were drawn, and takes out the answers that are done.</summary>
    private void Collect(GenerationSettings settings, Completion[] completions, Action<int, int>? onToken)
    {
        if (_batch.Live.FirstOrDefault(static live => live.Failure is not null) is { Failure: { } failure })
        {
            throw failure;
        }

        foreach (var live in _batch.Live.Where(live => live.HasDrawn).ToArray())
        {
            var number = (int)(live.Request.Row - settings.FirstRow);
            onToken?.Invoke(number, live.Response[^1]);
            if (live.IsDone)
            {
                completions[number] = live.ToCompletion();
                _batch.Remove(live);
            }
        }
    }
}
