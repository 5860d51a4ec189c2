using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Root-mean-square normalisation (Zhang and Sennrich 2019): y = x / sqrt(mean(x^2) + eps) * gain, over groups of each row.</summary>
internal static unsafe class RmsNorm
{
    public static void Forward<T>(WorkerPool pool, in RmsNormForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Groups * operation.Width));

    public static void Backward<T>(WorkerPool pool, in RmsNormBackward operation)
        where T : unmanaged, ILanes<T>
    {
        if (!operation.DGain.IsEmpty)
        {
            pool.Run(&BackwardColumns<T>, operation, (operation.Width + ILanes<T>.Count - 1) / ILanes<T>.Count);
        }

        pool.Run(&BackwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Groups * operation.Width));
    }

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (RmsNormForward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Groups * a->Width);
        for (var row = first; row < end; row++)
        {
            for (var group = 0; group < a->Groups; group++)
            {
                var offset = ((long)row * a->RowStride) + (group * a->Width);
                var x = a->X.Pointer + offset;
                var y = a->Y.Pointer + offset;
                var squares = T.Broadcast(0f);
                for (var c = 0; c < a->Width; c += ILanes<T>.Count)
                {
                    var value = VectorMath.LoadFirst<T>(x + c, a->Width - c);
                    squares = T.FusedMultiplyAdd(value, value, squares);
                }

                var reciprocal = 1f / MathF.Sqrt((T.Sum(squares) / a->Width) + a->Epsilon);
                for (var c = 0; c < a->Width; c += ILanes<T>.Count)
                {
                    var normal = VectorMath.LoadFirst<T>(x + c, a->Width - c) * T.Broadcast(reciprocal);
                    VectorMath.StoreFirst(y + c, a->Width - c, normal * VectorMath.LoadFirst<T>(a->Gain.Pointer + c, a->Width - c));
                }

                a->ReciprocalRoot.Pointer[((long)row * a->Groups) + group] = reciprocal;
            }
        }
    }

    /// <summary>With n = x / root and g = dy gain: dx = (g - n mean(g n)) / root.</summary>
    private static void BackwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (RmsNormBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Groups * a->Width);
        for (var row = first; row < end; row++)
        {
            for (var group = 0; group < a->Groups; group++)
            {
                var offset = ((long)row * a->RowStride) + (group * a->Width);
                var x = a->X.Pointer + offset;
                var dy = a->Dy.Pointer + offset;
                var dx = a->Dx.Pointer + offset;
                var reciprocal = T.Broadcast(a->ReciprocalRoot.Pointer[((long)row * a->Groups) + group]);
                var product = T.Broadcast(0f);
                for (var c = 0; c < a->Width; c += ILanes<T>.Count)
                {
                    var left = a->Width - c;
                    var g = VectorMath.LoadFirst<T>(dy + c, left) * VectorMath.LoadFirst<T>(a->Gain.Pointer + c, left);
                    product = T.FusedMultiplyAdd(g, VectorMath.LoadFirst<T>(x + c, left) * reciprocal, product);
                }

                var meanProduct = T.Broadcast(T.Sum(product) / a->Width);
                for (var c = 0; c < a->Width; c += ILanes<T>.Count)
                {
                    var left = a->Width - c;
                    var g = VectorMath.LoadFirst<T>(dy + c, left) * VectorMath.LoadFirst<T>(a->Gain.Pointer + c, left);
                    var change = (g - (VectorMath.LoadFirst<T>(x + c, left) * reciprocal * meanProduct)) * reciprocal;
                    VectorMath.StoreFirst(dx + c, left, a->Accumulate ? VectorMath.LoadFirst<T>(dx + c, left) + change : change);
                }
            }
        }
    }

    /// <summary>dGain += sum over rows and groups of dy n: one part is sixteen columns.</summary>
    private static void BackwardColumns<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (RmsNormBackward*)arguments;
        var c = part * ILanes<T>.Count;
        var left = a->Width - c;
        var gain = VectorMath.LoadFirst<T>(a->DGain.Pointer + c, left);
        for (var row = 0; row < a->Rows; row++)
        {
            for (var group = 0; group < a->Groups; group++)
            {
                var offset = ((long)row * a->RowStride) + (group * a->Width) + c;
                var normal = VectorMath.LoadFirst<T>(a->X.Pointer + offset, left) * T.Broadcast(a->ReciprocalRoot.Pointer[((long)row * a->Groups) + group]);
                gain = T.FusedMultiplyAdd(VectorMath.LoadFirst<T>(a->Dy.Pointer + offset, left), normal, gain);
            }
        }

        VectorMath.StoreFirst(a->DGain.Pointer + c, left, gain);
    }
}
