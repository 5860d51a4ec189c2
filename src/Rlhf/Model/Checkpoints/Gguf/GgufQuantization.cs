using System.Runtime.InteropServices;
using Rlhf.Compute.Operations;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Blocks from numbers, for the types that models are written in. A block's scale is that of its largest number, as in ggml's own reference.</summary>
internal static class GgufQuantization
{
    private const int Block = WeightBlocks.Length;

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
            var format = type == GgufTensorType.Q8_0 ? BlockFormat.Q8_0 : BlockFormat.Q4_0;
            if (!BlockRounding.Round(format, values.Slice(first, Block), blocks.Slice(at, type.BlockBytes())))
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
}
