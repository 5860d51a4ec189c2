using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Compute.Cpu.Simd;

/// <summary>
/// Sixteen lanes in four 128-bit registers (x64 and Arm). An x64 machine without FMA rounds the product and the sum apart here: its
/// bits differ from every other machine's, but not from its own.
/// </summary>
internal readonly unsafe struct Lanes128(Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) : ILanes<Lanes128>
{
    private readonly Vector128<float> _a = a;
    private readonly Vector128<float> _b = b;
    private readonly Vector128<float> _c = c;
    private readonly Vector128<float> _d = d;

    public static bool HasWideRegisterFile => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Load(float* source) =>
        new(Vector128.Load(source), Vector128.Load(source + 4), Vector128.Load(source + 8), Vector128.Load(source + 12));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Widen(ushort* source)
    {
        var (a, b) = Vector128.Widen(Vector128.Load(source));
        var (c, d) = Vector128.Widen(Vector128.Load(source + 8));
        return new((a << 16).AsSingle(), (b << 16).AsSingle(), (c << 16).AsSingle(), (d << 16).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* destination, Lanes128 value)
    {
        value._a.Store(destination);
        value._b.Store(destination + 4);
        value._c.Store(destination + 8);
        value._d.Store(destination + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 LoadFirst(float* source, long count, float others) => VectorMath.LoadTail<Lanes128>(source, count, others);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(float* destination, long count, Lanes128 value) => VectorMath.StoreTail(destination, count, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Broadcast(float value)
    {
        var all = Vector128.Create(value);
        return new(all, all, all, all);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator +(Lanes128 x, Lanes128 y) => new(x._a + y._a, x._b + y._b, x._c + y._c, x._d + y._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator -(Lanes128 x, Lanes128 y) => new(x._a - y._a, x._b - y._b, x._c - y._c, x._d - y._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator *(Lanes128 x, Lanes128 y) => new(x._a * y._a, x._b * y._b, x._c * y._c, x._d * y._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 operator /(Lanes128 x, Lanes128 y) => new(x._a / y._a, x._b / y._b, x._c / y._c, x._d / y._d);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 FusedMultiplyAdd(Lanes128 x, Lanes128 y, Lanes128 z) =>
        new(MultiplyAdd(x._a, y._a, z._a), MultiplyAdd(x._b, y._b, z._b), MultiplyAdd(x._c, y._c, z._c), MultiplyAdd(x._d, y._d, z._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Max(Lanes128 x, Lanes128 y) =>
        new(Vector128.MaxNative(x._a, y._a), Vector128.MaxNative(x._b, y._b), Vector128.MaxNative(x._c, y._c), Vector128.MaxNative(x._d, y._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Min(Lanes128 x, Lanes128 y) =>
        new(Vector128.MinNative(x._a, y._a), Vector128.MinNative(x._b, y._b), Vector128.MinNative(x._c, y._c), Vector128.MinNative(x._d, y._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SquareRoot(Lanes128 x) => new(Vector128.Sqrt(x._a), Vector128.Sqrt(x._b), Vector128.Sqrt(x._c), Vector128.Sqrt(x._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 Round(Lanes128 x) => new(Vector128.Round(x._a), Vector128.Round(x._b), Vector128.Round(x._c), Vector128.Round(x._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 PowerOfTwo(Lanes128 n) => new(PowerOfTwo(n._a), PowerOfTwo(n._b), PowerOfTwo(n._c), PowerOfTwo(n._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128 SelectGreaterOrEqual(Lanes128 x, Lanes128 y, Lanes128 yes, Lanes128 no) => new(
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(x._a, y._a), yes._a, no._a),
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(x._b, y._b), yes._b, no._b),
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(x._c, y._c), yes._c, no._c),
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(x._d, y._d), yes._d, no._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes128 x) => SumOfFour((x._a + x._c) + (x._b + x._d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Lanes128 x) =>
        LargestOfFour(Vector128.MaxNative(Vector128.MaxNative(x._a, x._b), Vector128.MaxNative(x._c, x._d)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float SumOfFour(Vector128<float> value) =>
        (value.GetElement(0) + value.GetElement(2)) + (value.GetElement(1) + value.GetElement(3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float LargestOfFour(Vector128<float> value) =>
        MathF.Max(MathF.Max(value.GetElement(0), value.GetElement(1)), MathF.Max(value.GetElement(2), value.GetElement(3)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> MultiplyAdd(Vector128<float> x, Vector128<float> y, Vector128<float> z) =>
        Fma.IsSupported || AdvSimd.IsSupported ? Vector128.FusedMultiplyAdd(x, y, z) : (x * y) + z;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> PowerOfTwo(Vector128<float> n) =>
        ((Vector128.ConvertToInt32(n) + Vector128.Create(127)) << 23).AsSingle();
}
