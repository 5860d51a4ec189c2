using System.Runtime.InteropServices;

namespace Rlhf.Model.Checkpoints;

/// <summary>Between float32 and the narrower formats of checkpoint files (little-endian). Widening is exact.</summary>
public static class FloatFormats
{
    /// <summary>float32 to bfloat16, round to nearest, ties to even; NaN stays NaN.</summary>
    public static ushort ToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            var upper = (ushort)(bits >> 16);
            return (upper & 0x7F) != 0 ? upper : (ushort)(upper | 0x40);
        }

        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>bfloat16 to float32.</summary>
    public static float FromBFloat16(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    /// <summary>Widens file bytes of F32, F16 or BF16 elements.</summary>
    /// <param name="source">As many elements as the destination.</param>
    /// <param name="type">Their type.</param>
    /// <param name="destination">Receives the numbers.</param>
    public static void Widen(ReadOnlySpan<byte> source, TensorType type, Span<float> destination)
    {
        if (type == TensorType.F32)
        {
            source.CopyTo(MemoryMarshal.AsBytes(destination));
            return;
        }

        var halves = MemoryMarshal.Cast<byte, ushort>(source);
        if (type == TensorType.BF16)
        {
            for (var i = 0; i < destination.Length; i++)
            {
                destination[i] = FromBFloat16(halves[i]);
            }
        }
        else
        {
            for (var i = 0; i < destination.Length; i++)
            {
                destination[i] = (float)BitConverter.UInt16BitsToHalf(halves[i]);
            }
        }
    }

    /// <summary>Narrows numbers to file bytes of F32, F16 or BF16 elements, to nearest even.</summary>
    /// <returns>The index of the first finite number that is too large for the type, or null.</returns>
    public static int? Narrow(ReadOnlySpan<float> source, TensorType type, Span<byte> destination)
    {
        if (type == TensorType.F32)
        {
            MemoryMarshal.AsBytes(source).CopyTo(destination);
            return null;
        }

        var halves = MemoryMarshal.Cast<byte, ushort>(destination);
        var infinity = type == TensorType.BF16 ? 0x7F80 : 0x7C00;
        int? overflow = null;
        for (var i = 0; i < source.Length; i++)
        {
            halves[i] = type == TensorType.BF16 ? ToBFloat16(source[i]) : BitConverter.HalfToUInt16Bits((Half)source[i]);
            if ((halves[i] & 0x7FFF) == infinity && float.IsFinite(source[i]))
            {
                overflow ??= i;
            }
        }

        return overflow;
    }
}
