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

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        var one = T.Broadcast(1f);
        return one / (Exp(T.Broadcast(0f) - x) + one);
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
