using System.Runtime.Intrinsics;

namespace Rlhf.Compute.Cpu.Simd;

/// <summary>float32 to bfloat16 and back: the upper half of the bits, rounded to nearest, ties to even; what is not a number stays so.</summary>
internal static unsafe class BFloat16
{
    private const uint Quiet = 0x0040_0000; // the upper half of a NaN keeps at least this bit
    private const uint HalfUlp = 0x7FFF;
    private const uint Sign = 0x8000_0000;
    private const uint Infinity = 0x7F80_0000;
    private const uint UpperHalf = 0xFFFF_0000;

    /// <summary>One number.</summary>
    public static ushort Round(float value) => (ushort)(RoundedBits(BitConverter.SingleToUInt32Bits(value)) >> 16);

    /// <summary>The number that a bfloat16 is, exactly.</summary>
    public static float Widen(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);

    /// <summary>destination[i] = source[i].</summary>
    public static void Convert(float* source, ushort* destination, int count)
    {
        var i = 0;
        for (; Vector512.IsHardwareAccelerated && i + 32 <= count; i += 32)
        {
            var low = RoundedBits(Vector512.Load((uint*)source + i)) >>> 16;
            var high = RoundedBits(Vector512.Load((uint*)source + i + 16)) >>> 16;
            Vector512.Narrow(low, high).Store(destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = Round(source[i]);
        }
    }

    /// <summary>Numbers become the bfloat16 nearest to them.</summary>
    public static void RoundInPlace(float* numbers, int count)
    {
        var i = 0;
        for (; Vector512.IsHardwareAccelerated && i + 16 <= count; i += 16)
        {
            (RoundedBits(Vector512.Load((uint*)numbers + i)) & Vector512.Create(UpperHalf)).Store((uint*)numbers + i);
        }

        for (; i < count; i++)
        {
            numbers[i] = Widen(Round(numbers[i]));
        }
    }

    /// <summary>destination[i] = source[i], exactly.</summary>
    public static void Widen(ushort* source, float* destination, int count)
    {
        var i = 0;
        for (; Vector128.IsHardwareAccelerated && i + 16 <= count; i += 16)
        {
            var (low, high) = Vector256.Widen(Vector256.Load(source + i));
            (low << 16).Store((uint*)destination + i);
            (high << 16).Store((uint*)destination + i + 8);
        }

        for (; i < count; i++)
        {
            destination[i] = Widen(source[i]);
        }
    }

    /// <summary>destination[2 i] = even[i], destination[2 i + 1] = odd[i], or 0 where <paramref name="odd"/> is null.</summary>
    public static void Interleave(float* even, float* odd, ushort* destination, int count)
    {
        var i = 0;
        for (; Vector512.IsHardwareAccelerated && i + 16 <= count; i += 16)
        {
            var low = RoundedBits(Vector512.Load((uint*)even + i)) >>> 16;
            var high = odd == null ? Vector512<uint>.Zero : RoundedBits(Vector512.Load((uint*)odd + i)) & Vector512.Create(UpperHalf);
            (low | high).Store((uint*)destination + i);
        }

        for (; i < count; i++)
        {
            destination[2 * i] = Round(even[i]);
            destination[(2 * i) + 1] = odd == null ? (ushort)0 : Round(odd[i]);
        }
    }

    private static uint RoundedBits(uint bits) => (bits & ~Sign) > Infinity ? bits | Quiet : bits + HalfUlp + ((bits >> 16) & 1);

    private static Vector512<uint> RoundedBits(Vector512<uint> bits)
    {
        var rounded = bits + Vector512.Create(HalfUlp) + ((bits >>> 16) & Vector512<uint>.One);
        var notANumber = Vector512.GreaterThan(bits & Vector512.Create(~Sign), Vector512.Create(Infinity));
        return Vector512.ConditionalSelect(notANumber, bits | Vector512.Create(Quiet), rounded);
    }
}
