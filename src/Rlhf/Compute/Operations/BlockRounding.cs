using System.Runtime.InteropServices;

namespace Rlhf.Compute.Operations;

/// <summary>Rounds 32 numbers to a block, by the formulas of ggml's own reference.</summary>
internal static class BlockRounding
{
    /// <summary>Rounds.</summary>
    /// <param name="format">The format.</param>
    /// <param name="values">32 finite numbers.</param>
    /// <param name="block">Receives the bytes.</param>
    /// <returns>False if a number is too large for the scale, a half.</returns>
    public static bool Round(BlockFormat format, ReadOnlySpan<float> values, Span<byte> block) => format switch
    {
        BlockFormat.Q8_0 => Q8_0(values, block),
        BlockFormat.Q4_0 => Q4_0(values, block),
        BlockFormat.Q4_1 => Q4_1(values, block),
        _ => throw new ArgumentOutOfRangeException(nameof(format)),
    };

    // The scale is that of the largest number.
    private static bool Q8_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        var most = 0f;
        foreach (var value in values)
        {
            most = Math.Max(most, Math.Abs(value));
        }

        var d = most / 127;
        var inverse = d == 0 ? 0 : 1 / d;
        for (var i = 0; i < WeightBlocks.Length; i++)
        {
            block[2 + i] = (byte)(sbyte)Math.Clamp(MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero), -127, 127);
        }

        return Write(block, d);
    }

    // The largest number becomes -8 exactly, whatever its sign.
    private static bool Q4_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        var most = 0f;
        foreach (var value in values)
        {
            most = Math.Abs(value) > Math.Abs(most) ? value : most;
        }

        var d = most / -8;
        var inverse = d == 0 ? 0 : 1 / d;
        for (var i = 0; i < WeightBlocks.Length / 2; i++)
        {
            block[2 + i] = (byte)(Nibble((values[i] * inverse) + 8.5f) | (Nibble((values[i + (WeightBlocks.Length / 2)] * inverse) + 8.5f) << 4));
        }

        return Write(block, d);
    }

    // From the least number to the largest in 15 steps.
    private static bool Q4_1(ReadOnlySpan<float> values, Span<byte> block)
    {
        var (least, most) = (values[0], values[0]);
        foreach (var value in values)
        {
            (least, most) = (Math.Min(least, value), Math.Max(most, value));
        }

        var d = (most - least) / 15;
        var inverse = d == 0 ? 0 : 1 / d;
        for (var i = 0; i < WeightBlocks.Length / 2; i++)
        {
            var (low, high) = ((values[i] - least) * inverse, (values[i + (WeightBlocks.Length / 2)] - least) * inverse);
            block[4 + i] = (byte)(Nibble(low + 0.5f) | (Nibble(high + 0.5f) << 4));
        }

        return Write(block, d) & Write(block[2..], least);
    }

    private static int Nibble(float value) => Math.Clamp((int)value, 0, 15);

    private static bool Write(Span<byte> block, float scale)
    {
        var half = (Half)scale;
        MemoryMarshal.Write(block, half);
        return Half.IsFinite(half);
    }
}
