using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Layer normalisation (Ba 2016): y = (x - mean) / sqrt(var + eps) * gain + bias, var biased.</summary>
internal static unsafe class LayerNorm
{
    public static void Forward<T>(WorkerPool pool, in LayerNormForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    public static void Backward<T>(WorkerPool pool, in LayerNormBackward operation)
        where T : unmanaged, ILanes<T>
    {
        if (!operation.DGain.IsEmpty)
        {
            pool.Run(&BackwardColumns<T>, operation, (operation.Width + ColumnSums.PartColumns - 1) / ColumnSums.PartColumns);
        }

        pool.Run(&BackwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));
    }

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (LayerNormForward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var x = a->X.Pointer + ((long)row * a->Width);
            var y = a->Y.Pointer + ((long)row * a->Width);
            var sum = T.Broadcast(0f);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                sum += VectorMath.LoadFirst<T>(x + c, a->Width - c);
            }

            var mean = T.Sum(sum) / a->Width;
            var means = T.Broadcast(mean);
            var squares = T.Broadcast(0f);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var centred = VectorMath.LoadFirst<T>(x + c, a->Width - c, mean) - means;
                squares = T.FusedMultiplyAdd(centred, centred, squares);
            }

            var reciprocal = 1f / MathF.Sqrt((T.Sum(squares) / a->Width) + a->Epsilon);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var normal = (VectorMath.LoadFirst<T>(x + c, a->Width - c) - means) * T.Broadcast(reciprocal);
                var gain = VectorMath.LoadFirst<T>(a->Gain.Pointer + c, a->Width - c);
                var bias = VectorMath.LoadFirst<T>(a->Bias.Pointer + c, a->Width - c);
                VectorMath.StoreFirst(y + c, a->Width - c, T.FusedMultiplyAdd(normal, gain, bias));
            }

            a->Mean.Pointer[row] = mean;
            a->ReciprocalDeviation.Pointer[row] = reciprocal;
        }
    }

    /// <summary>With n = normalised x and g = dy gain: dx += rstd (g - mean(g) - n mean(g n)).</summary>
    private static void BackwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (LayerNormBackward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var x = a->X.Pointer + ((long)row * a->Width);
            var dy = a->Dy.Pointer + ((long)row * a->Width);
            var dx = a->Dx.Pointer + ((long)row * a->Width);
            var mean = T.Broadcast(a->Mean.Pointer[row]);
            var reciprocal = T.Broadcast(a->ReciprocalDeviation.Pointer[row]);
            var sum = T.Broadcast(0f);
            var product = T.Broadcast(0f);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var g = VectorMath.LoadFirst<T>(dy + c, a->Width - c) * VectorMath.LoadFirst<T>(a->Gain.Pointer + c, a->Width - c);
                var normal = (VectorMath.LoadFirst<T>(x + c, a->Width - c) - mean) * reciprocal;
                sum += g;
                product = T.FusedMultiplyAdd(g, normal, product);
            }

            var meanGradient = T.Broadcast(T.Sum(sum) / a->Width);
            var meanProduct = T.Broadcast(T.Sum(product) / a->Width);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var g = VectorMath.LoadFirst<T>(dy + c, a->Width - c) * VectorMath.LoadFirst<T>(a->Gain.Pointer + c, a->Width - c);
                var normal = (VectorMath.LoadFirst<T>(x + c, a->Width - c) - mean) * reciprocal;
                var change = (g - meanGradient - (normal * meanProduct)) * reciprocal;
                VectorMath.StoreFirst(dx + c, a->Width - c, VectorMath.LoadFirst<T>(dx + c, a->Width - c) + change);
            }
        }
    }

    /// <summary>dGain += sum over rows of dy n, dBias += sum over rows of dy: one part is some neighbouring columns.</summary>
    private static void BackwardColumns<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (LayerNormBackward*)arguments;
        var first = part * ColumnSums.PartColumns;
        var columns = Math.Min(ColumnSums.PartColumns, a->Width - first);
        var gain = a->DGain.Pointer + first;
        var bias = a->DBias.Pointer + first;
        for (var row = 0; row < a->Rows; row++)
        {
            var (mean, reciprocal) = (T.Broadcast(a->Mean.Pointer[row]), T.Broadcast(a->ReciprocalDeviation.Pointer[row]));
            var x = a->X.Pointer + ((long)row * a->Width) + first;
            var dy = a->Dy.Pointer + ((long)row * a->Width) + first;
            for (var c = 0; c < columns; c += ILanes<T>.Count)
            {
                var left = columns - c;
                var slope = VectorMath.LoadFirst<T>(dy + c, left);
                var normal = (VectorMath.LoadFirst<T>(x + c, left) - mean) * reciprocal;
                VectorMath.StoreFirst(gain + c, left, T.FusedMultiplyAdd(slope, normal, VectorMath.LoadFirst<T>(gain + c, left)));
                VectorMath.StoreFirst(bias + c, left, VectorMath.LoadFirst<T>(bias + c, left) + slope);
            }
        }
    }
}
