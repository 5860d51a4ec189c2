using Rlhf.Compute.Cpu.Blocks;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary><see cref="MatMul"/> on one instruction set. Operands stored in bfloat16 stand in the same order as float32 ones; blocks
/// are those of <see cref="BlockLayout"/>.</summary>
internal sealed unsafe class Float32Products<T, TTile>(WorkerPool pool) : IMatrixProducts
    where T : unmanaged, ILanes<T>
    where TTile : IMatMulTile
{
    private const int RoundedColumns = 256; // packed in float32 and then rounded at a time: whole panels

    public long HeldBytes => 0;

    public long PackedLength(long k, long n, WeightStorage storage) => StoredPanels.Length(storage, k, n);

    public void Pack(int k, int n, float* b, long rowStride, long columnStride, float* packed, WeightStorage storage)
    {
        if (WeightBlocks.AreIn(storage))
        {
            BlockPacking.Round(pool, k, n, b, rowStride, columnStride, (byte*)packed, storage);
            return;
        }

        if (storage == WeightStorage.F32)
        {
            Packing.Panels(pool, k, n, b, rowStride, columnStride, packed);
            return;
        }

        var exact = pool.Scratch(MatMul.PackedLength(k, RoundedColumns))[0];
        var rounded = (ushort*)packed;
        for (var column = 0; column < n; column += RoundedColumns)
        {
            var columns = Math.Min(RoundedColumns, n - column);
            var length = (int)MatMul.PackedLength(k, columns);
            Packing.Panels(pool, k, columns, b + (column * columnStride), rowStride, columnStride, exact);
            BFloat16.Convert(exact, rounded, length);
            rounded += length;
        }
    }

    public void PackAndSum(int k, int n, float* b, long rowStride, float* packed, float* sums) =>
        Packing.PanelsAndSums<T>(pool, k, n, b, rowStride, packed, sums);

    public void Run(
        int m, int n, int k, float* a, long rowStride, long columnStride, PackedOperand b, float* c, long cRowStride, MatMulStart start, float* bias)
    {
        MatMul.Run<TTile>(
            pool, m, n, k, a, rowStride, columnStride, First(b), b.Storage, StoredPanels.Bytes(b.Storage, b.Rows), c, cRowStride, start, bias);
    }

    public void Unpack(PackedOperand b, int columns, WeightLayout layout, float* weights) =>
        StoredPanels.Unpack(pool, b.Storage, First(b), (int)b.Rows, columns, layout, weights);

    public void PackTransposed(PackedOperand b, int columns, float* packed) =>
        StoredPanels.Transposed(pool, b.Storage, First(b), (int)b.Rows, columns, packed);

    public void Columns(PackedOperand b, int* numbers, int count, float* y) =>
        StoredPanels.Columns(pool, b.Storage, (byte*)b.Pointer, (int)b.Rows, numbers, count, y);

    public void Dispose()
    {
    }

    private static byte* First(PackedOperand b) => (byte*)b.Pointer
        + (b.FirstColumn / MatMul.PanelWidth * StoredPanels.Bytes(b.Storage, b.Rows)) + StoredPanels.Bytes(b.Storage, b.FirstRow);
}
