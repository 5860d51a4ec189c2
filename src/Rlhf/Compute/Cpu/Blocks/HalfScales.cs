using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Rlhf.Compute.Cpu.Blocks;

/// <summary>Finite halves as float32, exactly: sign, exponent and fraction moved into place, and the exponents' difference multiplied in.</summary>
internal static unsafe class HalfScales
{
    private const uint Fields = 0x8FFFE000; // without the three copies of the sign
    private const float Bias = 5192296858534827628530496329220096f; // 2^112

    /// <summary>From sixteen halves in a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sixteen(ushort* halves) => Lower(Vector512.WidenLower(Vector256.Load(halves).ToVector512Unsafe()).AsInt32());

    /// <summary>From eight halves in a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Eight(ushort* halves) => Lower(Vector256.WidenLower(Vector128.Load(halves).ToVector256()).AsInt32());

    /// <summary>From the upper halves of words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Upper(Vector512<int> words) =>
        ((words >> 3).AsUInt32() & Vector512.Create(Fields)).AsSingle() * Vector512.Create(Bias);

    /// <summary>From the lower halves of words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Lower(Vector512<int> words) => Upper(words << 16);

    /// <inheritdoc cref="Upper(Vector512{int})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Upper(Vector256<int> words) =>
        ((words >> 3).AsUInt32() & Vector256.Create(Fields)).AsSingle() * Vector256.Create(Bias);

    /// <inheritdoc cref="Lower(Vector512{int})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Lower(Vector256<int> words) => Upper(words << 16);
}
