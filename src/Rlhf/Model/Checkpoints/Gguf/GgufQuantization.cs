using System.Runtime.InteropServices;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Blocks from numbers, for the types that models are written in. A block's scale is that of its largest number, as in ggml's own reference.</summary>
internal static class GgufQuantization
{
    private const int Block = 32;

    /// <summary>Encodes whole blocks.</summary>
    /// <param name="type">F32, F16, BF16, Q8_0 or Q4_0.</param>
    /// <param name="values">Finite numbers of whole blocks.</param>
    /// <param name="blocks">Receives the bytes.</param>
    /// <returns>The index of the first number that is too large for the type, or null.</returns>
    public static int? Encode(GgufTensorType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        switch (type)
        {
            case GgufTensorType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(blocks);
                return null;
            case GgufTensorType.F16:
                return Halves(values, MemoryMarshal.Cast<byte, Half>(blocks));
            case GgufTensorType.BF16:
                return Upper(values, MemoryMarshal.Cast<byte, ushort>(blocks));
        }

        int? overflow = null;
        for (int first = 0, at = 0; first < values.Length; first += Block, at += type.BlockBytes())
        {
            var block = blocks.Slice(at, type.BlockBytes());
            var scale = type == GgufTensorType.Q8_0 ? Q8_0(values.Slice(first, Block), block) : Q4_0(values.Slice(first, Block), block);
            if (!Half.IsFinite(scale))
            {
                overflow ??= first;
            }
        }

        return overflow;
    }

    private static int? Halves(ReadOnlySpan<float> values, Span<Half> halves)
    {
        int? overflow = null;
        for (var i = 0; i < values.Length; i++)
        {
            halves[i] = (Half)values[i];
            if (!Half.IsFinite(halves[i]))
            {
                overflow ??= i;
            }
        }

        return overflow;
    }

    // To nearest even.
    private static int? Upper(ReadOnlySpan<float> values, Span<ushort> upper)
    {
        int? overflow = null;
        for (var i = 0; i < values.Length; i++)
        {
            var bits = BitConverter.SingleToUInt32Bits(values[i]);
            upper[i] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
            if ((upper[i] & 0x7F80) == 0x7F80)
            {
                overflow ??= i;
            }
        }

        return overflow;
    }

    private static Half Q8_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        var most = 0f;
        foreach (var value in values)
        {
            most = Math.Max(most, Math.Abs(value));
        }

        var d = most / 127;
        var inverse = d == 0 ? 0 : 1 / d;
        for (var i = 0; i < Block; i++)
        {
            block[2 + i] = (byte)(sbyte)Math.Clamp(MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero), -127, 127);
        }

        return Write(block, d);
    }

    // The largest number becomes -8 exactly, whatever its sign.
    private static Half Q4_0(ReadOnlySpan<float> values, Span<byte> block)
    {
        var most = 0f;
        foreach (var value in values)
        {
            most = Math.Abs(value) > Math.Abs(most) ? value : most;
        }

        var d = most / -8;
        var inverse = d == 0 ? 0 : 1 / d;
        for (var i = 0; i < Block / 2; i++)
        {
            block[2 + i] = (byte)(Nibble(values[i] * inverse) | (Nibble(values[i + (Block / 2)] * inverse) << 4));
        }

        return Write(block, d);
    }

    private static int Nibble(float value) => Math.Clamp((int)(value + 8.5f), 0, 15);

    private static Half Write(Span<byte> block, float scale)
    {
        var half = (Half)scale;
        MemoryMarshal.Write(block, half);
        return half;
    }
}
