using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>GEGLU (Shazeer 2020): gelu(gate) up, tanh form, from rows [gate | up].</summary>
internal static unsafe class GeGlu
{
    public static void Forward<T>(WorkerPool pool, in GeGluForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    public static void Backward<T>(WorkerPool pool, in GeGluBackward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&BackwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeGluForward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var gate = a->GateUp.Pointer + ((long)row * 2 * a->Width);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var left = a->Width - c;
                var value = Gelu.Value(VectorMath.LoadFirst<T>(gate + c, left));
                VectorMath.StoreFirst(a->Y.Pointer + ((long)row * a->Width) + c, left, value * VectorMath.LoadFirst<T>(gate + a->Width + c, left));
            }
        }
    }

    private static void BackwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (GeGluBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var gate = a->GateUp.Pointer + ((long)row * 2 * a->Width);
            var dGate = a->DGateUp.Pointer + ((long)row * 2 * a->Width);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var left = a->Width - c;
                var (value, slope) = Gelu.ValueAndSlope(VectorMath.LoadFirst<T>(gate + c, left));
                var up = VectorMath.LoadFirst<T>(gate + a->Width + c, left);
                var dy = VectorMath.LoadFirst<T>(a->Dy.Pointer + ((long)row * a->Width) + c, left);
                VectorMath.StoreFirst(dGate + c, left, dy * up * slope);
                VectorMath.StoreFirst(dGate + a->Width + c, left, dy * value);
            }
        }
    }
}
