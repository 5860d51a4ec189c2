using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>GELU (Hendrycks and Gimpel 2016): in the tanh form 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), or x Phi(x).</summary>
internal static unsafe class Gelu
{
    private const float RootTwoOverPi = 0.79788456080286536f;
    private const float Cubic = 0.044715f;

    public static void Forward<T>(WorkerPool pool, in GeluForward operation)
        where T : unmanaged, ILanes<T> =>
        pool.Run(operation.Exact ? &ExactForwardPart<T> : &ForwardPart<T>, operation, RowParts.Count(operation.X.Length));

    public static void Backward<T>(WorkerPool pool, in GeluBackward operation)
        where T : unmanaged, ILanes<T> =>
        pool.Run(operation.Exact ? &ExactBackwardPart<T> : &BackwardPart<T>, operation, RowParts.Count(operation.X.Length));

    /// <summary>The tanh form.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Value<T>(T x)
        where T : unmanaged, ILanes<T> => T.Broadcast(0.5f) * x * (T.Broadcast(1f) + VectorMath.Tanh(Inner(x, x * x)));

    /// <summary>The tanh form and its slope.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (T Value, T Slope) ValueAndSlope<T>(T x)
        where T : unmanaged, ILanes<T>
    {
        var (one, half) = (T.Broadcast(1f), T.Broadcast(0.5f));
        var square = x * x;
        var tanh = VectorMath.Tanh(Inner(x, square));
        var innerSlope = T.FusedMultiplyAdd(square, T.Broadcast(3 * Cubic * RootTwoOverPi), T.Broadcast(RootTwoOverPi));
        return (half * x * (one + tanh), (half * (one + tanh)) + (half * x * (one - (tanh * tanh)) * innerSlope));
    }

    private static void ForwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeluForward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            VectorMath.StoreFirst(a->Y.Pointer + i, end - i, Value(VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i)));
        }
    }

    private static void BackwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeluBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var (_, slope) = ValueAndSlope(VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i));
            VectorMath.StoreFirst(a->Dx.Pointer + i, end - i, VectorMath.LoadFirst<T>(a->Dy.Pointer + i, end - i) * slope);
        }
    }

    private static void ExactForwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeluForward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var x = VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i);
            VectorMath.StoreFirst(a->Y.Pointer + i, end - i, x * VectorMath.Normal(x).Distribution);
        }
    }

    /// <summary>The slope is Phi(x) + x phi(x).</summary>
    private static void ExactBackwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeluBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var x = VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i);
            var (distribution, density) = VectorMath.Normal(x);
            var slope = T.FusedMultiplyAdd(x, density, distribution);
            VectorMath.StoreFirst(a->Dx.Pointer + i, end - i, VectorMath.LoadFirst<T>(a->Dy.Pointer + i, end - i) * slope);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Inner<T>(T x, T square)
        where T : unmanaged, ILanes<T> =>
        x * T.FusedMultiplyAdd(square, T.Broadcast(Cubic * RootTwoOverPi), T.Broadcast(RootTwoOverPi));
}
