using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Counter-based dropout with residual addition, and NEFTune's noise: the same counters give the same numbers in the backward pass.</summary>
internal static unsafe class Dropping
{
    public static void AddDropped(WorkerPool pool, in AddDropped operation) =>
        pool.Run(&AddDroppedRows, operation, RowParts.Count(operation.Rows, operation.Width));

    public static void AddUniformNoise(WorkerPool pool, in AddUniformNoise operation) =>
        pool.Run(&AddNoiseRows, operation, RowParts.Count(operation.Rows, operation.Width));

    private static void AddDroppedRows(void* arguments, int part, int worker)
    {
        var a = (AddDropped*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        var keep = 1 / (1 - a->Dropout.Probability);
        var threshold = (uint)Math.Min(uint.MaxValue, a->Dropout.Probability * 4294967296.0);
        for (var row = first; row < end; row++)
        {
            var offset = (long)row * a->Width;
            var counter = a->Dropout.FirstRow + (uint)(a->RowNumbers.Length == 0 ? row : a->RowNumbers.Pointer[row]);
            for (var c = 0; c < a->Width; c += 4)
            {
                var bits = Philox.Block(a->Dropout.Seed, a->Dropout.Stream, counter, (uint)c / 4);
                for (var i = c; i < Math.Min(c + 4, a->Width); i++)
                {
                    var kept = Pick(bits, i - c) >= threshold ? a->Y.Pointer[offset + i] * keep : 0f;
                    a->Output.Pointer[offset + i] = a->X.IsEmpty ? kept : a->X.Pointer[offset + i] + kept;
                }
            }
        }
    }

    private static void AddNoiseRows(void* arguments, int part, int worker)
    {
        var a = (AddUniformNoise*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Width);
        for (var row = first; row < end; row++)
        {
            var x = a->X.Pointer + ((long)row * a->Width);
            for (var c = 0; c < a->Width; c += 4)
            {
                var bits = Philox.Block(a->Counter.Seed, a->Counter.Stream, a->Counter.FirstRow + (uint)row, (uint)c / 4);
                for (var i = c; i < Math.Min(c + 4, a->Width); i++)
                {
                    var uniform = (float)(((Pick(bits, i - c) + 0.5) / 2147483648.0) - 1);
                    x[i] += a->RowScales.Pointer[row] * uniform;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Pick((uint A, uint B, uint C, uint D) bits, int index) => index switch
    {
        0 => bits.A,
        1 => bits.B,
        2 => bits.C,
        _ => bits.D,
    };
}
