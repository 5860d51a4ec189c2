using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>Copies rows out of a matrix by number, and adds rows back.</summary>
internal static unsafe class Rows
{
    private const int PartColumns = 64;

    public static void Gather(WorkerPool pool, in GatherRows operation) => pool.Run(&GatherPart, operation, RowParts.Count(operation.Count, operation.Width));

    /// <summary>One part is some columns of all rows: rows that meet in one place add in order.</summary>
    public static void ScatterAdd(WorkerPool pool, in ScatterAddRows operation) =>
        pool.Run(&ScatterAddPart, operation, (operation.Width + PartColumns - 1) / PartColumns);

    private static void GatherPart(void* arguments, int part, int worker)
    {
        var a = (GatherRows*)arguments;
        var (first, end) = RowParts.Range(part, a->Count, a->Width);
        for (var i = first; i < end; i++)
        {
            var source = new ReadOnlySpan<float>(a->X.Pointer + ((long)a->RowNumbers.Pointer[i] * a->Width), a->Width);
            source.CopyTo(new Span<float>(a->Y.Pointer + ((long)i * a->Width), a->Width));
        }
    }

    private static void ScatterAddPart(void* arguments, int part, int worker)
    {
        var a = (ScatterAddRows*)arguments;
        var (first, end) = (part * PartColumns, Math.Min(a->Width, (part + 1) * PartColumns));
        for (var i = 0; i < a->Count; i++)
        {
            var destination = a->Dx.Pointer + ((long)a->RowNumbers.Pointer[i] * a->Width);
            var source = a->Dy.Pointer + ((long)i * a->Width);
            for (var c = first; c < end; c++)
            {
                destination[c] += source[c];
            }
        }
    }
}
