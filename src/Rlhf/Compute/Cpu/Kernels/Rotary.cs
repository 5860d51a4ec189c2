using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Rotary positions (Su 2021): pairs of components turn by the angle of (position, j).</summary>
internal static unsafe class Rotary
{
    public static void Run(WorkerPool pool, in Rotate operation) =>
        pool.Run(operation.Interleaved ? &RotateNeighbours : &RotateRows, operation, RowParts.Count(operation.Rows, operation.Heads * operation.HeadWidth));

    /// <summary>Pairs (j, j + r/2).</summary>
    private static void RotateRows(void* arguments, int part, int worker)
    {
        var a = (Rotate*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Heads * a->HeadWidth);
        var half = a->Pairs;
        for (var row = first; row < end; row++)
        {
            var cosines = a->Cosines.Pointer + ((long)a->Positions.Pointer[row] * half);
            var sines = a->Sines.Pointer + ((long)a->Positions.Pointer[row] * half);
            for (var head = 0; head < a->Heads; head++)
            {
                var x = a->X.Pointer + ((long)row * a->RowStride) + (head * a->HeadWidth);
                for (var j = 0; j < half; j++)
                {
                    var sine = a->Inverse ? -sines[j] : sines[j];
                    var (low, high) = (x[j], x[j + half]);
                    x[j] = (low * cosines[j]) - (high * sine);
                    x[j + half] = (high * cosines[j]) + (low * sine);
                }
            }
        }
    }

    /// <summary>Pairs (2j, 2j + 1).</summary>
    private static void RotateNeighbours(void* arguments, int part, int worker)
    {
        var a = (Rotate*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Heads * a->HeadWidth);
        var pairs = a->Pairs;
        for (var row = first; row < end; row++)
        {
            var cosines = a->Cosines.Pointer + ((long)a->Positions.Pointer[row] * pairs);
            var sines = a->Sines.Pointer + ((long)a->Positions.Pointer[row] * pairs);
            for (var head = 0; head < a->Heads; head++)
            {
                var x = a->X.Pointer + ((long)row * a->RowStride) + (head * a->HeadWidth);
                for (var j = 0; j < pairs; j++, x += 2)
                {
                    var sine = a->Inverse ? -sines[j] : sines[j];
                    (x[0], x[1]) = ((x[0] * cosines[j]) - (x[1] * sine), (x[1] * cosines[j]) + (x[0] * sine));
                }
            }
        }
    }
}
