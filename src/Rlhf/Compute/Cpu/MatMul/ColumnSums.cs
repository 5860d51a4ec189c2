using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>Adds the sum of each column of a [rows, width] matrix, whose rows lie <c>stride</c> apart, to a vector: one part is some neighbouring columns, so
/// rows add in order.</summary>
internal static unsafe class ColumnSums
{
    /// <summary>Columns of a part: a run of memory long enough to stream, sums that stay in the first-level cache.</summary>
    public const int PartColumns = 1024;

    private struct Arguments
    {
        public float* X, Sums;
        public int Rows, Width, Stride;
    }

    public static void Add<T>(WorkerPool pool, float* x, int rows, int width, int stride, float* sums)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { X = x, Sums = sums, Rows = rows, Width = width, Stride = stride };
        pool.Run(&AddPart<T>, &arguments, (width + PartColumns - 1) / PartColumns);
    }

    private static void AddPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var first = part * PartColumns;
        var columns = Math.Min(PartColumns, a->Width - first);
        AddRows<T>(a->Rows, columns, a->X + first, a->Stride, a->Sums + first);
    }

    /// <summary>sums += rows, one after the other.</summary>
    public static void AddRows<T>(int rows, int columns, float* x, long stride, float* sums)
        where T : unmanaged, ILanes<T>
    {
        for (var row = 0; row < rows; row++, x += stride)
        {
            for (var c = 0; c < columns; c += ILanes<T>.Count)
            {
                VectorMath.StoreFirst(sums + c, columns - c, VectorMath.LoadFirst<T>(sums + c, columns - c) + VectorMath.LoadFirst<T>(x + c, columns - c));
            }
        }
    }
}
