using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>SwiGLU (Shazeer 2020): silu(gate) up with silu(x) = x sigmoid(x), from rows [gate | up].</summary>
internal static unsafe class SwiGlu
{
    public static void Forward<T>(WorkerPool pool, in SwiGluForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    public static void Backward<T>(WorkerPool pool, in SwiGluBackward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&BackwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (SwiGluForward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var gate = a->GateUp.Pointer + ((long)row * 2 * a->Width);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var left = a->Width - c;
                var g = VectorMath.LoadFirst<T>(gate + c, left);
                var up = VectorMath.LoadFirst<T>(gate + a->Width + c, left);
                VectorMath.StoreFirst(a->Y.Pointer + ((long)row * a->Width) + c, left, g * VectorMath.Sigmoid(g) * up);
            }
        }
    }

    /// <summary>silu'(g) = s (1 + g (1 - s)) with s = sigmoid(g).</summary>
    private static void BackwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (SwiGluBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        var one = T.Broadcast(1f);
        for (var row = first; row < end; row++)
        {
            var gate = a->GateUp.Pointer + ((long)row * 2 * a->Width);
            var dGate = a->DGateUp.Pointer + ((long)row * 2 * a->Width);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var left = a->Width - c;
                var g = VectorMath.LoadFirst<T>(gate + c, left);
                var up = VectorMath.LoadFirst<T>(gate + a->Width + c, left);
                var dy = VectorMath.LoadFirst<T>(a->Dy.Pointer + ((long)row * a->Width) + c, left);
                var sigmoid = VectorMath.Sigmoid(g);
                var slope = sigmoid * T.FusedMultiplyAdd(g, one - sigmoid, one);
                VectorMath.StoreFirst(dGate + c, left, dy * up * slope);
                VectorMath.StoreFirst(dGate + a->Width + c, left, dy * g * sigmoid);
            }
        }
    }
}
