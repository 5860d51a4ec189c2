using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Rlhf.Generation;

/// <summary>
/// Draws tokens from logits on the CPU: deterministic (the caller brings the uniform number), no sorting of the vocabulary, no
/// allocation after construction. One sampler serves one thread.
/// </summary>
public sealed class Sampler
{
    // Scratch of one draw: weights are exp((logit - largest) / temperature), 0 where a filter dropped the token.
    private readonly float[] weights;
    private readonly int[] seenInDraw;
    private int draw;

    /// <summary>Creates a sampler for a vocabulary of the given size.</summary>
    public Sampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        weights = new float[vocabularySize];
        seenInDraw = new int[vocabularySize];
    }

    /// <summary>Draws one token by the inverse of the cumulative distribution, in the order of ids.</summary>
    /// <param name="logits">[V] logits; overwritten.</param>
    /// <param name="previousTokens">Tokens so far (prompt and answer), for the repetition penalty.</param>
    /// <param name="uniform">A uniform number, 0 &lt;= u &lt; 1.</param>
    /// <param name="options">Temperature and filters.</param>
    /// <returns>The token's id.</returns>
    /// <exception cref="RunFailedException">The logits hold a NaN, +infinity, or nothing finite.</exception>
    public int Sample(Span<float> logits, ReadOnlySpan<int> previousTokens, double uniform, SamplingOptions options)
    {
        if (uniform is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(uniform), uniform, "A uniform number lies in [0, 1).");
        Prepare(logits, previousTokens, options);
        if (options.IsGreedy) return Largest(logits);

        var total = Filter(logits, options);
        var target = uniform * total;
        double sum = 0;
        var last = 0;
        for (var id = 0; id < weights.Length; id++)
        {
            if (weights[id] == 0) continue;
            sum += weights[id];
            last = id;
            if (sum > target) return id;
        }

        return last;
    }

    /// <summary>The probabilities that <see cref="Sample"/> draws from; 0 for tokens that a filter dropped.</summary>
    /// <param name="logits">[V] logits; overwritten.</param>
    /// <param name="previousTokens">Tokens so far, for the repetition penalty.</param>
    /// <param name="options">Temperature and filters.</param>
    /// <param name="destination">[V] probabilities.</param>
    public void KeptProbabilities(Span<float> logits, ReadOnlySpan<int> previousTokens, SamplingOptions options, Span<double> destination)
    {
        if (destination.Length != weights.Length)
            throw new ArgumentException($"{destination.Length} places for {weights.Length} tokens.", nameof(destination));
        Prepare(logits, previousTokens, options);
        if (options.IsGreedy)
        {
            destination.Clear();
            destination[Largest(logits)] = 1;
            return;
        }

        var total = Filter(logits, options);
        for (var id = 0; id < weights.Length; id++)
            destination[id] = weights[id] / total;
    }

    private void Prepare(Span<float> logits, ReadOnlySpan<int> previousTokens, SamplingOptions options)
    {
        if (!options.IsValid) options.Validate();
        if (logits.Length != weights.Length)
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {weights.Length}.", nameof(logits));
        if (options.RepetitionPenalty != 1) Penalise(logits, previousTokens, options.RepetitionPenalty);
    }

    // Once per distinct token: seenInDraw holds the number of the draw that last met it.
    private void Penalise(Span<float> logits, ReadOnlySpan<int> previousTokens, double penalty)
    {
        if (++draw == int.MaxValue)
        {
            Array.Clear(seenInDraw);
            draw = 1;
        }

        foreach (var token in previousTokens)
        {
            if (seenInDraw[token] == draw) continue;
            seenInDraw[token] = draw;
            logits[token] = (float)(logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty);
        }
    }

    // Fills the weights, lets each filter drop tokens, and returns the mass that is left.
    private double Filter(ReadOnlySpan<float> logits, SamplingOptions options)
    {
        var total = Weigh(logits, logits[Largest(logits)], options.Temperature);
        if (options.TopK is { } k && k < weights.Length)
            total = SamplingFilters.TopK(logits, weights, k);
        if (options.TopP < 1)
            total = SamplingFilters.TopP(logits, weights, options.TopP * total);
        if (options.MinP > 0)
            total = SamplingFilters.MinP(weights, options.MinP);
        return total;
    }

    // weights = exp((logits - largest) / temperature), a vector at a time; the rest goes through a padded vector, so that a token's
    // weight does not depend on its place.
    private double Weigh(ReadOnlySpan<float> logits, float largest, double temperature)
    {
        // Held finite: 0 * infinity would make the largest logit's weight a NaN.
        var scale = new Vector<float>((float)Math.Min(1 / temperature, float.MaxValue));
        var shift = new Vector<float>(largest);
        var whole = logits.Length - logits.Length % Vector<float>.Count;
        var source = MemoryMarshal.Cast<float, Vector<float>>(logits[..whole]);
        var destination = MemoryMarshal.Cast<float, Vector<float>>(weights.AsSpan(0, whole));
        for (var i = 0; i < source.Length; i++)
            destination[i] = Vector.Exp((source[i] - shift) * scale);

        if (whole < logits.Length)
        {
            Span<float> rest = stackalloc float[Vector<float>.Count];
            rest.Clear();
            logits[whole..].CopyTo(rest);
            Vector.Exp((new Vector<float>(rest) - shift) * scale).CopyTo(rest);
            rest[..(logits.Length - whole)].CopyTo(weights.AsSpan(whole));
        }

        double total = 0;
        foreach (var weight in weights) total += weight;
        return total;
    }

    // Of equal ones the lowest id.
    private static int Largest(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            if (float.IsNaN(logits[id])) throw NotFinite(id, logits[id]);
            if (logits[id] > logits[best]) best = id;
        }

        return float.IsFinite(logits[best]) ? best : throw NotFinite(best, logits[best]);
    }

    private static RunFailedException NotFinite(int id, float logit) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"The model's logits cannot be sampled from: token {id} has {logit}. Its weights have become non-finite; go back to an earlier checkpoint."));
}
