using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

/// <summary>Adds the sum of each column of a [rows, width] matrix to a vector: one part is sixteen columns, so rows add in order.</summary>
internal static unsafe class ColumnSums
{
    private struct Arguments
    {
        public float* X, Sums;
        public int Rows, Width;
    }

    public static void Add<T>(WorkerPool pool, float* x, int rows, int width, float* sums)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { X = x, Sums = sums, Rows = rows, Width = width };
        pool.Run(&AddPart<T>, &arguments, (width + ILanes<T>.Count - 1) / ILanes<T>.Count);
    }

    private static void AddPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var c = part * ILanes<T>.Count;
        var sums = VectorMath.LoadFirst<T>(a->Sums + c, a->Width - c);
        for (var row = 0; row < a->Rows; row++)
        {
            sums += VectorMath.LoadFirst<T>(a->X + ((long)row * a->Width) + c, a->Width - c);
        }

        VectorMath.StoreFirst(a->Sums + c, a->Width - c, sums);
    }
}
