using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Rows of the token table, plus rows of the position table where there is one.</summary>
internal static unsafe class Embedding
{
    public static void Forward<T>(WorkerPool pool, in EmbeddingForward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, operation, RowParts.Count(operation.Rows, operation.Width));

    /// <summary>One part is sixteen columns, so rows add in order.</summary>
    public static void Backward<T>(WorkerPool pool, in EmbeddingBackward operation)
        where T : unmanaged, ILanes<T> => pool.Run(&BackwardColumns<T>, operation, (operation.Width + ILanes<T>.Count - 1) / ILanes<T>.Count);

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (EmbeddingForward*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var token = a->TokenTable.Pointer + ((long)a->Tokens.Pointer[row] * a->Width);
            var y = a->Y.Pointer + ((long)row * a->Width);
            if (a->PositionTable.IsEmpty)
            {
                new ReadOnlySpan<float>(token, a->Width).CopyTo(new Span<float>(y, a->Width));
                continue;
            }

            var position = a->PositionTable.Pointer + ((long)a->Positions.Pointer[row] * a->Width);
            for (var c = 0; c < a->Width; c += ILanes<T>.Count)
            {
                var left = a->Width - c;
                VectorMath.StoreFirst(y + c, left, VectorMath.LoadFirst<T>(token + c, left) + VectorMath.LoadFirst<T>(position + c, left));
            }
        }
    }

    private static void BackwardColumns<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (EmbeddingBackward*)arguments;
        var c = part * ILanes<T>.Count;
        var left = a->Width - c;
        for (var row = 0; row < a->Rows; row++)
        {
            var dy = VectorMath.LoadFirst<T>(a->Dy.Pointer + ((long)row * a->Width) + c, left);
            var token = a->DTokenTable.Pointer + ((long)a->Tokens.Pointer[row] * a->Width) + c;
            VectorMath.StoreFirst(token, left, VectorMath.LoadFirst<T>(token, left) + dy);
            if (!a->DPositionTable.IsEmpty)
            {
                var position = a->DPositionTable.Pointer + ((long)a->Positions.Pointer[row] * a->Width) + c;
                VectorMath.StoreFirst(position, left, VectorMath.LoadFirst<T>(position, left) + dy);
            }
        }
    }
}
