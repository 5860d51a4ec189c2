using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary><see cref="MatMul"/> on one instruction set. Operands stored in bfloat16 stand in the same order as float32 ones.</summary>
internal sealed unsafe class Float32Products<T, TTile>(WorkerPool pool) : IMatrixProducts
    where T : unmanaged, ILanes<T>
    where TTile : IMatMulTile
{
    private const int RoundedColumns = 256; // packed in float32 and then rounded at a time: whole panels

    public long PackedLength(long k, long n, Precision storage) => MatMul.PackedLength(k, n) / (storage == Precision.Bf16 ? 2 : 1);

    public void Pack(int k, int n, float* b, long rowStride, long columnStride, float* packed, Precision storage)
    {
        if (storage == Precision.F32)
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

    public void Unpack(int k, int n, PackedOperand operand, float* b)
    {
        var widened = pool.Scratch(MatMul.PackedLength(k, MatMul.PanelWidth))[0];
        for (var column = 0; column < n; column += MatMul.PanelWidth)
        {
            var first = (operand.FirstColumn + column) * operand.Rows;
            var panel = operand.Pointer + first;
            if (operand.Storage == Precision.Bf16)
            {
                panel = widened;
                BFloat16.Widen((ushort*)operand.Pointer + first, panel, k * MatMul.PanelWidth);
            }

            var columns = Math.Min(MatMul.PanelWidth, n - column);
            for (var row = 0; row < k; row++)
            {
                new ReadOnlySpan<float>(panel + (row * MatMul.PanelWidth), columns).CopyTo(new Span<float>(b + ((long)row * n) + column, columns));
            }
        }
    }

    public void Run(
        int m, int n, int k, float* a, long rowStride, long columnStride, PackedOperand b, float* c, long cRowStride, MatMulStart start, float* bias)
    {
        var first = (b.FirstColumn * b.Rows) + (b.FirstRow * MatMul.PanelWidth);
        var packed = b.Storage == Precision.Bf16 ? (float*)((ushort*)b.Pointer + first) : b.Pointer + first;
        MatMul.Run<TTile>(pool, m, n, k, a, rowStride, columnStride, packed, b.Storage, b.Rows * MatMul.PanelWidth, c, cRowStride, start, bias);
    }

    public void Dispose()
    {
    }
}
