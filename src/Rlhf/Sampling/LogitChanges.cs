using System.Globalization;

namespace Rlhf.Sampling;

/// <summary>
/// What a request changes in the logits of its answers beyond <see cref="SamplingOptions"/>, as OpenAI's API has it. Rollouts have none of it: what is trained
/// is what was sampled. Log-probabilities that are told stay the model's own.
/// </summary>
public sealed record LogitChanges
{
    /// <summary>Taken once from the logits of tokens that the answer has already; negative numbers make them more probable.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Taken from the logit of a token as often as the answer has it.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Added to the logits of tokens, by id.</summary>
    public IReadOnlyDictionary<int, double> Bias { get; init; } = new Dictionary<int, double>();

    /// <summary>The same; null where nothing is changed.</summary>
    public LogitChanges? OrNull() => PresencePenalty == 0 && FrequencyPenalty == 0 && Bias.Count == 0 ? null : this;

    /// <summary>Throws where a number is not finite or an id is none of the vocabulary's.</summary>
    /// <exception cref="InputException">With what is wrong.</exception>
    public void Validate(int vocabulary)
    {
        if (!double.IsFinite(PresencePenalty) || !double.IsFinite(FrequencyPenalty))
        {
            throw new InputException("Sampling: presence_penalty and frequency_penalty must be finite numbers.");
        }

        foreach (var (id, bias) in Bias)
        {
            if (id < 0 || id >= vocabulary || !double.IsFinite(bias))
            {
                throw new InputException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Sampling: logit_bias has {id}: {bias}, but must have finite numbers for token ids from 0 to {vocabulary - 1}."));
            }
        }
    }

    /// <summary>Adds the bias: before any penalty.</summary>
    internal void AddBias(Span<float> logits)
    {
        foreach (var (id, bias) in Bias)
        {
            logits[id] = (float)(logits[id] + bias);
        }
    }

    /// <summary>logit[j] -= c[j] * frequency + (c[j] > 0) * presence, with c[j] how often the answer has token j.</summary>
    internal void Penalise(Span<float> logits, ReadOnlySpan<int> answer)
    {
        if (PresencePenalty == 0 && FrequencyPenalty == 0)
        {
            return;
        }

        var counts = new Dictionary<int, int>();
        foreach (var token in answer)
        {
            counts[token] = counts.GetValueOrDefault(token) + 1;
        }

        foreach (var (token, count) in counts)
        {
            logits[token] = (float)(logits[token] - (count * FrequencyPenalty) - PresencePenalty);
        }
    }
}
