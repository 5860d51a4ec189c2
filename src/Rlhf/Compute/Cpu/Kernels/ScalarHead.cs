using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>One number for each row: y = w x + b.</summary>
internal static unsafe class ScalarHead
{
    internal struct Arguments
    {
        public float* X, Weights, Bias, Y, Dx, DWeights, DBias;
        public int Rows, Width;
    }

    public static void Forward<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, &arguments, RowParts.Count(arguments.Rows, arguments.Width));

    /// <summary>Y holds the gradient of the output.</summary>
    public static void Backward<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T>
    {
        pool.Run(&BackwardColumns<T>, &arguments, (arguments.Width + ILanes<T>.Count - 1) / ILanes<T>.Count);
        for (var row = 0; row < arguments.Rows; row++)
        {
            *arguments.DBias += arguments.Y[row];
        }
    }

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var x = a->X + ((long)row * a->Width);
            var sum = T.Broadcast(0f);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                sum = T.FusedMultiplyAdd(VectorMath.LoadFirst<T>(x + c, a->Width - c), VectorMath.LoadFirst<T>(a->Weights + c, a->Width - c), sum);
            }

            a->Y[row] = T.Sum(sum) + *a->Bias;
        }
    }

    private static void BackwardColumns<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var c = part * ILanes<T>.Count;
        var left = a->Width - c;
        var weights = VectorMath.LoadFirst<T>(a->Weights + c, left);
        var gradient = VectorMath.LoadFirst<T>(a->DWeights + c, left);
        for (var row = 0; row < a->Rows; row++)
        {
            var offset = ((long)row * a->Width) + c;
            var dy = T.Broadcast(a->Y[row]);
            gradient = T.FusedMultiplyAdd(dy, VectorMath.LoadFirst<T>(a->X + offset, left), gradient);
            VectorMath.StoreFirst(a->Dx + offset, left, dy * weights);
        }

        VectorMath.StoreFirst(a->DWeights + c, left, gradient);
    }
}
