using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>max(x, 0).</summary>
internal static unsafe class Relu
{
    public static void Forward<T>(WorkerPool pool, in ReluForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardPart<T>, operation, RowParts.Count(operation.X.Length));

    public static void Backward<T>(WorkerPool pool, in ReluBackward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&BackwardPart<T>, operation, RowParts.Count(operation.X.Length));

    private static void ForwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (ReluForward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            // Of the two, Max returns the second where one is not a number: it is not hidden.
            VectorMath.StoreFirst(a->Y.Pointer + i, end - i, T.Max(T.Broadcast(0f), VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i)));
        }
    }

    private static void BackwardPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (ReluBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->X.Length);
        var zero = T.Broadcast(0f);
        for (var i = first; i < end; i += ILanes<T>.Count)
        {
            var x = VectorMath.LoadFirst<T>(a->X.Pointer + i, end - i);
            var dy = VectorMath.LoadFirst<T>(a->Dy.Pointer + i, end - i);
            VectorMath.StoreFirst(a->Dx.Pointer + i, end - i, T.SelectGreaterOrEqual(zero, x, zero, dy));
        }
    }
}
