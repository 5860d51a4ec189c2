using System.Runtime.CompilerServices;

namespace Rlhf.Sampling;

/// <summary>
/// The filters between softmax and draw. A dropped token gets weight 0. Thresholds are found by a radix search over the logits' bits,
/// eight at a time: four passes, never a sort, no bad cases.
/// </summary>
internal static class SamplingFilters
{
    /// <summary>Drops logits below the k-th largest of those kept so far; ties at the k-th place stay. Returns the mass left.</summary>
    public static double TopK(ReadOnlySpan<float> logits, Span<float> weights, int k)
    {
        var threshold = Threshold(logits, weights, k, byCount: true, out _);
        double total = 0;
        for (var id = 0; id < weights.Length; id++)
        {
            if (Key(logits[id]) < threshold)
            {
                weights[id] = 0;
            }

            total += weights[id];
        }

        return total;
    }

    /// <summary>
    /// Keeps the smallest set of largest logits whose weights reach the mass; of equal logits at the edge those with the lowest ids.
    /// Returns the mass left.
    /// </summary>
    public static double TopP(ReadOnlySpan<float> logits, Span<float> weights, double mass)
    {
        var threshold = Threshold(logits, weights, mass, byCount: false, out var above);
        double total = 0;
        for (var id = 0; id < weights.Length; id++)
        {
            var key = Key(logits[id]);
            if (key < threshold || (key == threshold && above >= mass))
            {
                weights[id] = 0;
            }
            else if (key == threshold)
            {
                above += weights[id];
            }

            total += weights[id];
        }

        return total;
    }

    /// <summary>Drops weights below a share of the largest, which is 1. Returns the mass left.</summary>
    public static double MinP(Span<float> weights, double share)
    {
        double total = 0;
        foreach (ref var weight in weights)
        {
            if (weight < share)
            {
                weight = 0;
            }

            total += weight;
        }

        return total;
    }

    // The largest key t for which the tokens with keys >= t make up the target, as a count or as a mass; `above` is what the keys > t make up.
    // Each pass sums the keys that agree with the digits found so far by their next digit, and walks down from the largest digit.
    private static uint Threshold(ReadOnlySpan<float> logits, ReadOnlySpan<float> weights, double target, bool byCount, out double above)
    {
        Span<double> sums = stackalloc double[256];
        uint prefix = 0;
        above = 0;
        for (var shift = 24; shift >= 0; shift -= 8)
        {
            sums.Clear();
            for (var id = 0; id < logits.Length; id++)
            {
                var key = Key(logits[id]);
                // A shift by 32 would be a shift by 0 in C#, hence two of them.
                if (weights[id] != 0 && key >> shift >> 8 == prefix)
                {
                    sums[(int)(key >> shift & 0xFF)] += byCount ? 1 : weights[id];
                }
            }

            prefix = prefix << 8 | (uint)DigitAt(sums, target, ref above);
        }

        return prefix;
    }

    // Where rounding leaves the sum just short of the target, the lowest digit in use.
    private static int DigitAt(ReadOnlySpan<double> sums, double target, ref double above)
    {
        var lowest = 0;
        var beforeLowest = above;
        for (var digit = 255; digit >= 0; digit--)
        {
            if (sums[digit] == 0)
            {
                continue;
            }

            (lowest, beforeLowest) = (digit, above);
            if (above + sums[digit] >= target)
            {
                return digit;
            }

            above += sums[digit];
        }

        above = beforeLowest;
        return lowest;
    }

    // Orders floats as unsigned integers: negative ones by all bits turned, positive ones above them; -0 + 0 is 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Key(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value + 0f);
        return (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
    }
}
