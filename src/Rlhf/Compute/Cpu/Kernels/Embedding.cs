using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Rows of the token table, plus rows of the position table where there is one.</summary>
internal static unsafe class Embedding
{
    internal struct Arguments
    {
        public int* Tokens, Positions;
        public float* TokenTable, PositionTable, Y;
        public int Rows, Width;
    }

    public static void Forward<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T> => pool.Run(&ForwardRows<T>, &arguments, RowParts.Count(arguments.Rows, arguments.Width));

    /// <summary>Y holds the gradient of the output; the tables receive theirs. One part is sixteen columns, so rows add in order.</summary>
    public static void Backward<T>(WorkerPool pool, Arguments arguments)
        where T : unmanaged, ILanes<T> => pool.Run(&BackwardColumns<T>, &arguments, (arguments.Width + ILanes<T>.Count - 1) / ILanes<T>.Count);

    private static void ForwardRows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var token = a->TokenTable + ((long)a->Tokens[row] * a->Width);
            var y = a->Y + ((long)row * a->Width);
            if (a->PositionTable == null)
            {
                new ReadOnlySpan<float>(token, a->Width).CopyTo(new Span<float>(y, a->Width));
                continue;
            }

            var position = a->PositionTable + ((long)a->Positions[row] * a->Width);
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
        var a = (Arguments*)arguments;
        var c = part * ILanes<T>.Count;
        var left = a->Width - c;
        for (var row = 0; row < a->Rows; row++)
        {
            var dy = VectorMath.LoadFirst<T>(a->Y + ((long)row * a->Width) + c, left);
            var token = a->TokenTable + ((long)a->Tokens[row] * a->Width) + c;
            VectorMath.StoreFirst(token, left, VectorMath.LoadFirst<T>(token, left) + dy);
            if (a->PositionTable != null)
            {
                var position = a->PositionTable + ((long)a->Positions[row] * a->Width) + c;
                VectorMath.StoreFirst(position, left, VectorMath.LoadFirst<T>(position, left) + dy);
            }
        }
    }
}
