using System.Runtime.CompilerServices;

namespace Rlhf.Compute.Cpu.Simd;

/// <summary>Elementary functions on lanes: each lane's result depends on that lane alone, so a number has the same bits wherever it stands in a row.</summary>
internal static unsafe class VectorMath
{
    private const float Lowest = -87f;

    /// <summary>
    /// e^x, relative error below 2e-7, exactly 1 at 0, exactly 0 below -87; x above 88 counts as 88; not a number stays so. Cody-Waite reduction to |r| &lt;=
    /// ln(2)/2, then
    /// the polynomial of Cephes' expf (Moshier 1989).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        // The order of the operands matters: where one is not a number, Max and Min return the second.
        var bounded = T.Max(T.Broadcast(Lowest), T.Min(T.Broadcast(88f), x));
        var n = T.Round(bounded * T.Broadcast(1.44269504088896341f));
        var r = T.FusedMultiplyAdd(n, T.Broadcast(-0.693359375f), bounded);
        r = T.FusedMultiplyAdd(n, T.Broadcast(2.12194440e-4f), r);
        var p = T.FusedMultiplyAdd(T.Broadcast(1.9875691500e-4f), r, T.Broadcast(1.3981999507e-3f));
        p = T.FusedMultiplyAdd(p, r, T.Broadcast(8.3334519073e-3f));
        p = T.FusedMultiplyAdd(p, r, T.Broadcast(4.1665795894e-2f));
        p = T.FusedMultiplyAdd(p, r, T.Broadcast(1.6666665459e-1f));
        p = T.FusedMultiplyAdd(p, r, T.Broadcast(5.0000001201e-1f));
        p = T.FusedMultiplyAdd(p, r * r, r) + T.Broadcast(1f);
        return T.SelectGreaterOrEqual(T.Broadcast(float.BitDecrement(Lowest)), x, T.Broadcast(0f), p * T.PowerOfTwo(n));
    }

    /// <summary>tanh(x) = 1 - 2 / (e^2x + 1), absolute error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        var one = T.Broadcast(1f);
        return one - (T.Broadcast(2f) / (Exp(x + x) + one));
    }

    /// <summary>cap tanh(x / cap), relative error of the tanh below 3e-7 also near 0, where a small x must come through as it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SoftCap<T>(T x, float cap)
        where T : unmanaged, ILanes<T>
    {
        // Near 0, 1 - 2 / (e^2z + 1) cancels: the odd series of Cephes' tanhf (Moshier 1989).
        var z = x * T.Broadcast(1f / cap);
        var square = z * z;
        var p = T.FusedMultiplyAdd(T.Broadcast(-5.70498872745e-3f), square, T.Broadcast(2.06390887954e-2f));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(-5.37397155531e-2f));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(1.33314422036e-1f));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(-3.33332819422e-1f));
        var near = T.FusedMultiplyAdd(p * square, z, z);
        return T.Broadcast(cap) * T.SelectGreaterOrEqual(square, T.Broadcast(0.390625f), Tanh(z), near);
    }

    /// <summary>Phi(x) of the normal distribution and its density phi(x). Relative error of Phi below 5e-7, also far on the left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T Distribution, T Density) Normal<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        // erfc(z) = e^(-z^2) t P(t) with t = 1 / (1 + 0.4 z): P interpolates it at the ten Chebyshev points of t for z from 0 to 12.
        var (zero, one) = (T.Broadcast(0f), T.Broadcast(1f));
        var size = T.Max(zero - x, x);
        var t = one / T.FusedMultiplyAdd(size, T.Broadcast(0.4f * 0.70710678118654752f), one);
        var p = T.FusedMultiplyAdd(T.Broadcast(-0.03049824945628643f), t, T.Broadcast(0.20202642679214478f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(-0.505983293056488f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(0.5537704825401306f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(-0.2867894768714905f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(0.27176737785339355f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(0.13035210967063904f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(0.2146521955728531f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(0.2249985933303833f));
        p = T.FusedMultiplyAdd(p, t, T.Broadcast(0.22570380568504333f));
        var bell = Exp(x * x * T.Broadcast(-0.5f));
        var tail = T.Broadcast(0.5f) * bell * t * p;
        return (T.SelectGreaterOrEqual(x, zero, one - tail, tail), bell * T.Broadcast(0.39894228040143268f));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        var one = T.Broadcast(1f);
        return one / (Exp(T.Broadcast(0f) - x) + one);
    }

    /// <summary>log(1 + e^x), absolute error below 3e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SoftPlus<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        // log(1 + y) = 2 atanh(z), z = y / (2 + y) <= 1/3: its series.
        var zero = T.Broadcast(0f);
        var y = Exp(T.Min(zero - x, x));
        var z = y / (T.Broadcast(2f) + y);
        var square = z * z;
        var p = T.Broadcast(1f / 13);
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(1f / 11));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(1f / 9));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(1f / 7));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(1f / 5));
        p = T.FusedMultiplyAdd(p, square, T.Broadcast(1f / 3));
        return T.Max(zero, x) + ((z + z) * T.FusedMultiplyAdd(p, square, T.Broadcast(1f)));
    }

    /// <summary>0, 1, ..., 15.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LaneNumbers<T>()
        where T : unmanaged, ILanes<T>
    {
        ReadOnlySpan<float> numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        return T.Load((float*)Unsafe.AsPointer(ref System.Runtime.InteropServices.MemoryMarshal.GetReference(numbers)));
    }

    /// <summary>Sixteen numbers from memory: float, or ushort for bfloat16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T, TNumber>(TNumber* source)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged =>
        typeof(TNumber) == typeof(ushort) ? T.Widen((ushort*)source) : T.Load((float*)source);

    /// <summary>The first <paramref name="count"/> lanes from memory, <paramref name="others"/> in the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadFirst<T>(float* source, long count, float others = 0f)
        where T : unmanaged, ILanes<T> =>
        count >= ILanes<T>.Count ? T.Load(source) : T.LoadFirst(source, count, others);

    /// <summary>Writes the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst<T>(float* destination, long count, T value)
        where T : unmanaged, ILanes<T>
    {
        if (count >= ILanes<T>.Count)
        {
            T.Store(destination, value);
        }
        else
        {
            T.StoreFirst(destination, count, value);
        }
    }

    /// <summary><see cref="LoadFirst"/> where the machine has no masks. Called, so that the memory on the stack does not keep the common path from being
    /// compiled into the kernels.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static T LoadTail<T>(float* source, long count, float others)
        where T : unmanaged, ILanes<T>
    {
        var lanes = stackalloc float[ILanes<T>.Count];
        for (var i = 0; i < ILanes<T>.Count; i++)
        {
            lanes[i] = i < count ? source[i] : others;
        }

        return T.Load(lanes);
    }

    /// <summary><see cref="StoreFirst"/> where the machine has no masks.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StoreTail<T>(float* destination, long count, T value)
        where T : unmanaged, ILanes<T>
    {
        var lanes = stackalloc float[ILanes<T>.Count];
        T.Store(lanes, value);
        for (var i = 0; i < count; i++)
        {
            destination[i] = lanes[i];
        }
    }
}
