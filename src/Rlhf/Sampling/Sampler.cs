using System.Globalization;
using System.Runtime.Intrinsics;

namespace Rlhf.Sampling;

/// <summary>
/// Draws tokens from logits on the CPU: deterministic (the caller brings the uniform number), no sorting of the vocabulary, no
/// allocation after construction. One sampler serves one thread.
/// </summary>
public sealed class Sampler
{
    private const int Block = 256;

    // Scratch of one draw: weights are exp((logit - largest) / temperature), 0 where a filter dropped the token.
    private readonly float[] _weights;
    private readonly int[] _seenInDraw;
    private int _draw;

    /// <summary>Creates a sampler for a vocabulary of the given size.</summary>
    public Sampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        _weights = new float[vocabularySize];
        _seenInDraw = new int[vocabularySize];
    }

    /// <summary>Draws one token by the inverse of the cumulative distribution, in the order of ids.</summary>
    /// <param name="logits">[V] logits; overwritten.</param>
    /// <param name="previousTokens">Tokens so far (prompt and answer), for the repetition penalty.</param>
    /// <param name="uniform">A uniform number, 0 &lt;= u &lt; 1.</param>
    /// <param name="options">Temperature and filters.</param>
    /// <param name="limits">What else the answer's request says of the token; none where left out.</param>
    /// <returns>The token's id.</returns>
    /// <exception cref="RunFailedException">The logits hold a NaN, +infinity, or nothing finite.</exception>
    public int Sample(Span<float> logits, ReadOnlySpan<int> previousTokens, double uniform, SamplingOptions options, DrawLimits limits = default)
    {
        if (uniform is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(uniform), uniform, "A uniform number lies in [0, 1).");
        }

        Prepare(logits, previousTokens, options, limits);
        if (options.IsGreedy)
        {
            return FirstOf(logits, Largest(logits));
        }

        return Draw(uniform * Filter(logits, options));
    }

    /// <summary>The probabilities that <see cref="Sample"/> draws from; 0 for tokens that a filter dropped.</summary>
    /// <param name="logits">[V] logits; overwritten.</param>
    /// <param name="previousTokens">Tokens so far, for the repetition penalty.</param>
    /// <param name="options">Temperature and filters.</param>
    /// <param name="destination">[V] probabilities.</param>
    public void KeptProbabilities(Span<float> logits, ReadOnlySpan<int> previousTokens, SamplingOptions options, Span<double> destination)
    {
        if (destination.Length != _weights.Length)
        {
            throw new ArgumentException($"{destination.Length} places for {_weights.Length} tokens.", nameof(destination));
        }

        Prepare(logits, previousTokens, options, default);
        if (options.IsGreedy)
        {
            destination.Clear();
            destination[FirstOf(logits, Largest(logits))] = 1;
            return;
        }

        var total = Filter(logits, options);
        for (var id = 0; id < _weights.Length; id++)
        {
            destination[id] = _weights[id] / total;
        }
    }

    private void Prepare(Span<float> logits, ReadOnlySpan<int> previousTokens, SamplingOptions options, DrawLimits limits)
    {
        if (!options.IsValid)
        {
            options.Validate();
        }

        if (logits.Length != _weights.Length)
        {
            throw new ArgumentException($"{logits.Length} logits for a vocabulary of {_weights.Length}.", nameof(logits));
        }

        limits.Changes?.AddBias(logits);
        if (options.RepetitionPenalty != 1)
        {
            Penalise(logits, previousTokens, options.RepetitionPenalty);
        }

        limits.Changes?.Penalise(logits, previousTokens[limits.AnswerStart..]);
        if (!limits.Allowed.IsEmpty)
        {
            Forbid(logits, limits.Allowed);
        }
    }

    // A broken logit stays, so that it is told.
    private static void Forbid(Span<float> logits, ReadOnlySpan<ulong> allowed)
    {
        for (var id = 0; id < logits.Length; id++)
        {
            if ((allowed[id >> 6] >> id & 1) == 0 && logits[id] < float.PositiveInfinity)
            {
                logits[id] = float.NegativeInfinity;
            }
        }
    }

    // Once per distinct token: seenInDraw holds the number of the draw that last met it.
    private void Penalise(Span<float> logits, ReadOnlySpan<int> previousTokens, double penalty)
    {
        if (++_draw == int.MaxValue)
        {
            Array.Clear(_seenInDraw);
            _draw = 1;
        }

        foreach (var token in previousTokens)
        {
            if (_seenInDraw[token] == _draw)
            {
                continue;
            }

            _seenInDraw[token] = _draw;
            logits[token] = (float)(logits[token] < 0 ? logits[token] * penalty : logits[token] / penalty);
        }
    }

    // Fills the weights, lets each filter drop tokens, and returns the mass that is left.
    private double Filter(ReadOnlySpan<float> logits, SamplingOptions options)
    {
        var total = Weigh(logits, Largest(logits), options.Temperature);
        if (options.TopK is { } k && k < _weights.Length)
        {
            total = SamplingFilters.TopK(logits, _weights, k);
        }

        if (options.TopP < 1)
        {
            total = SamplingFilters.TopP(logits, _weights, options.TopP * total);
        }

        if (options.MinP > 0)
        {
            total = SamplingFilters.MinP(_weights, options.MinP);
        }

        return total;
    }

    // The first token whose weights, summed in the order of ids, exceed the target: whole blocks are passed over by their sums.
    private int Draw(double target)
    {
        double sum = 0;
        for (var first = 0; first < _weights.Length; first += Block)
        {
            var block = _weights.AsSpan(first, Math.Min(Block, _weights.Length - first));
            var blockSum = Sum(block);
            if (sum + blockSum <= target)
            {
                sum += blockSum;
                continue;
            }

            for (var i = 0; i < block.Length; i++)
            {
                sum += block[i];
                if (sum > target && block[i] != 0)
                {
                    return first + i;
                }
            }
        }

        return _weights.AsSpan().LastIndexOfAnyExcept(0f);
    }

    // weights = exp((logits - largest) / temperature), a vector at a time; the rest goes through a padded vector, so that a token's
    // weight does not depend on its place.
    private double Weigh(ReadOnlySpan<float> logits, float largest, double temperature)
    {
        // Held finite: 0 * infinity would make the largest logit's weight a NaN.
        var scale = Vector512.Create((float)Math.Min(1 / temperature, float.MaxValue));
        var shift = Vector512.Create(largest);
        var whole = logits.Length - (logits.Length % Vector512<float>.Count);
        for (var i = 0; i < whole; i += Vector512<float>.Count)
        {
            Vector512.Exp((Vector512.Create(logits[i..]) - shift) * scale).CopyTo(_weights.AsSpan(i));
        }

        if (whole < logits.Length)
        {
            Span<float> rest = stackalloc float[Vector512<float>.Count];
            rest.Clear();
            logits[whole..].CopyTo(rest);
            Vector512.Exp((Vector512.Create<float>(rest) - shift) * scale).CopyTo(rest);
            rest[..(logits.Length - whole)].CopyTo(_weights.AsSpan(whole));
        }

        return Sum(_weights);
    }

    // In double, lane by lane of sixteen on every machine: the same order, the same sum.
    private static double Sum(ReadOnlySpan<float> values)
    {
        var (low, high) = (Vector512<double>.Zero, Vector512<double>.Zero);
        var i = 0;
        for (; i + Vector512<float>.Count <= values.Length; i += Vector512<float>.Count)
        {
            var part = Vector512.Create(values[i..]);
            low += Vector512.WidenLower(part);
            high += Vector512.WidenUpper(part);
        }

        var sum = Vector512.Sum(low + high);
        for (; i < values.Length; i++)
        {
            sum += values[i];
        }

        return sum;
    }

    private static float Largest(ReadOnlySpan<float> logits)
    {
        var lanes = Vector512.Create(float.NegativeInfinity);
        var (i, finite) = (0, true);
        for (; i + Vector512<float>.Count <= logits.Length; i += Vector512<float>.Count)
        {
            var part = Vector512.Create(logits[i..]);
            finite &= Vector512.EqualsAll(part, part); // false for a NaN
            lanes = Vector512.Max(lanes, part);
        }

        var largest = float.NegativeInfinity;
        for (var lane = 0; lane < Vector512<float>.Count; lane++)
        {
            largest = Math.Max(largest, lanes[lane]);
        }

        for (; i < logits.Length; i++)
        {
            largest = Math.Max(largest, logits[i]); // a NaN stays
        }

        return finite && float.IsFinite(largest) ? largest : throw NotFinite(logits);
    }

    // Of equal ones the lowest id.
    private static int FirstOf(ReadOnlySpan<float> logits, float value)
    {
        var id = 0;
        while (logits[id] != value)
        {
            id++;
        }

        return id;
    }

    private static RunFailedException NotFinite(ReadOnlySpan<float> logits)
    {
        var id = 0;
        while (id < logits.Length - 1 && !float.IsNaN(logits[id]) && !float.IsPositiveInfinity(logits[id]))
        {
            id++;
        }

        return new RunFailedException(string.Create(
            CultureInfo.InvariantCulture,
            $"The model's logits cannot be sampled from: token {id} has {logits[id]}. Its weights have become non-finite; go back to an earlier checkpoint."));
    }
}
