using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

/// <summary><see cref="MatMul"/> on one instruction set.</summary>
internal sealed unsafe class Float32Products<T>(WorkerPool pool) : IMatrixProducts
    where T : unmanaged, ILanes<T>
{
    public long PackedLength(long k, long n) => MatMul.PackedLength(k, n);

    public void Pack(int k, int n, float* b, long rowStride, long columnStride, float* packed) => Packing.Panels(pool, k, n, b, rowStride, columnStride, packed);

    public void Run(int m, int n, int k, float* a, long rowStride, long columnStride, PackedOperand b, float* c, long cRowStride, MatMulStart start, float* bias) =>
        MatMul.Run<T>(
            pool, m, n, k, a, rowStride, columnStride, b.Pointer + (b.FirstColumn * b.Rows) + (b.FirstRow * MatMul.PanelWidth), b.Rows * MatMul.PanelWidth, c, cRowStride, start, bias);

    public void Dispose()
    {
    }
}
