using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Rotary positions (Su 2021) in the half-split form: components (j, j + D/2) turn by the angle of (position, j).</summary>
internal static unsafe class Rotary
{
    public static void Run(WorkerPool pool, in Rotate operation) =>
        pool.Run(&RotateRows, operation, RowParts.Count(operation.Rows, operation.Heads * operation.HeadWidth));

    private static void RotateRows(void* arguments, int part, int worker)
    {
        var a = (Rotate*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Heads * a->HeadWidth);
        var half = a->HeadWidth / 2;
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
}
