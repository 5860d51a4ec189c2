using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>GELU, tanh form (Hendrycks and Gimpel 2016): 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).</summary>
internal static unsafe class Gelu
{
    private const float RootTwoOverPi = 0.79788456080286536f;
    private const float Cubic = 0.044715f;

    public static void Forward<T>(WorkerPool pool, in GeluForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardPart<T>, operation, RowParts.Count(operation.X.Length));

    public static void Backward<T>(WorkerPool pool, in GeluBackward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&BackwardPart<T>, operation, RowParts.Count(operation.X.Length));

    private static void ForwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeluForward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var x = VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i);
            var tanh = VectorMath.Tanh(Inner(x, x * x));
            VectorMath.StoreFirst(a->Y.Pointer + i, end - i, T.Broadcast(0.5f) * x * (T.Broadcast(1f) + tanh));
        }
    }

    private static void BackwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeluBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        var (one, half) = (T.Broadcast(1f), T.Broadcast(0.5f));
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var x = VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i);
            var square = x * x;
            var tanh = VectorMath.Tanh(Inner(x, square));
            var innerSlope = T.FusedMultiplyAdd(square, T.Broadcast(3 * Cubic * RootTwoOverPi), T.Broadcast(RootTwoOverPi));
            var slope = (half * (one + tanh)) + (half * x * (one - (tanh * tanh)) * innerSlope);
            VectorMath.StoreFirst(a->Dx.Pointer + i, end - i, VectorMath.LoadFirst<T>(a->Dy.Pointer + i, end - i) * slope);
        }
    }

    private static T Inner<T>(T x, T square)
        where T : unmanaged, ILanes<T> =>
        x * T.FusedMultiplyAdd(square, T.Broadcast(Cubic * RootTwoOverPi), T.Broadcast(RootTwoOverPi));
}
