using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Compute.Cpu.Simd;

/// <summary>Sixteen lanes in two AVX2 registers.</summary>
internal readonly unsafe struct Lanes256(Vector256<float> low, Vector256<float> high) : ILanes<Lanes256>
{
    private readonly Vector256<float> _low = low;
    private readonly Vector256<float> _high = high;

    public static bool HasWideRegisterFile => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Load(float* source) => new(Vector256.Load(source), Vector256.Load(source + 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Widen(ushort* source)
    {
        var (low, high) = Vector256.Widen(Vector256.Load(source));
        return new((low << 16).AsSingle(), (high << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Lanes256 value)
    {
        value._low.Store(destination);
        value._high.Store(destination + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 LoadFirst(float* source, long count, float others)
    {
        var (low, high, rest) = (Mask(count), Mask(count - 8), Vector256.Create(others));
        return new(Avx.BlendVariable(rest, Avx.MaskLoad(source, low), low), Avx.BlendVariable(rest, Avx.MaskLoad(source + 8, high), high));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(float* destination, long count, Lanes256 value)
    {
        Avx.MaskStore(destination, Mask(count), value._low);
        Avx.MaskStore(destination + 8, Mask(count - 8), value._high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Broadcast(float value)
    {
        var all = Vector256.Create(value);
        return new(all, all);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator +(Lanes256 a, Lanes256 b) => new(a._low + b._low, a._high + b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator -(Lanes256 a, Lanes256 b) => new(a._low - b._low, a._high - b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator *(Lanes256 a, Lanes256 b) => new(a._low * b._low, a._high * b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 operator /(Lanes256 a, Lanes256 b) => new(a._low / b._low, a._high / b._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 FusedMultiplyAdd(Lanes256 a, Lanes256 b, Lanes256 c) =>
        new(Fma.MultiplyAdd(a._low, b._low, c._low), Fma.MultiplyAdd(a._high, b._high, c._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Max(Lanes256 a, Lanes256 b) => new(Avx.Max(a._low, b._low), Avx.Max(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Min(Lanes256 a, Lanes256 b) => new(Avx.Min(a._low, b._low), Avx.Min(a._high, b._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SquareRoot(Lanes256 value) => new(Avx.Sqrt(value._low), Avx.Sqrt(value._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 Round(Lanes256 value) => new(Avx.RoundToNearestInteger(value._low), Avx.RoundToNearestInteger(value._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 PowerOfTwo(Lanes256 n) => new(PowerOfTwo(n._low), PowerOfTwo(n._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256 SelectGreaterOrEqual(Lanes256 a, Lanes256 b, Lanes256 yes, Lanes256 no) => new(
        Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(a._low, b._low), yes._low, no._low),
        Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(a._high, b._high), yes._high, no._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes256 value) => SumOfEight(value._low + value._high);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes256 value) => LargestOfEight(Avx.Max(value._low, value._high));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float SumOfEight(Vector256<float> value) => Lanes128.SumOfFour(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float LargestOfEight(Vector256<float> value) => Lanes128.LargestOfFour(Sse.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Mask(long count) => Vector256.LessThan(Vector256<int>.Indices, Vector256.Create((int)count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> PowerOfTwo(Vector256<float> n) =>
        ((Avx.ConvertToVector256Int32(n) + Vector256.Create(127)) << 23).AsSingle();
}
