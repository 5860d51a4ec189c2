using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>One number for each row: y = w x + b.</summary>
internal static unsafe class ScalarHead
{
    public static void Forward<T>(WorkerPool pool, in ScalarHeadForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    public static void Backward<T>(WorkerPool pool, in ScalarHeadBackward operation)
        where T : unmanaged, ILanes<T>
    {
        pool.Run(&BackwardColumns<T>, operation, (operation.Width + ILanes<T>.Count - 1) / ILanes<T>.Count);
        for (var row = 0; row < operation.Rows; row++)
        {
            *operation.DBias.Pointer += operation.Dy.Pointer[row];
        }
    }

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (ScalarHeadForward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var x = a->X.Pointer + ((long)row * a->Width);
            var sum = T.Broadcast(0f);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                sum = T.FusedMultiplyAdd(VectorMath.LoadFirst<T>(x + c, a->Width - c), VectorMath.LoadFirst<T>(a->Weights.Pointer + c, a->Width - c), sum);
            }

            a->Y.Pointer[row] = T.Sum(sum) + *a->Bias.Pointer;
        }
    }

    private static void BackwardColumns<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (ScalarHeadBackward*)arguments;
        var c = part * ILanes<T>.Count;
        var left = a->Width - c;
        var weights = VectorMath.LoadFirst<T>(a->Weights.Pointer + c, left);
        var gradient = VectorMath.LoadFirst<T>(a->DWeights.Pointer + c, left);
        for (var row = 0; row < a->Rows; row++)
        {
            var offset = ((long)row * a->Width) + c;
            var dy = T.Broadcast(a->Dy.Pointer[row]);
            gradient = T.FusedMultiplyAdd(dy, VectorMath.LoadFirst<T>(a->X.Pointer + offset, left), gradient);
            VectorMath.StoreFirst(a->Dx.Pointer + offset, left, dy * weights);
        }

        VectorMath.StoreFirst(a->DWeights.Pointer + c, left, gradient);
    }
}
