using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>The inner product of <see cref="MatMul"/> on one instruction set: a few rows of A times one panel of B, the sums in registers.</summary>
internal unsafe interface IMatMulTile
{
    /// <summary>Rows of the largest tile.</summary>
    static abstract int Rows { get; }

    /// <summary>Up to so many rows are multiplied by blocks whose numbers are made float32 in registers; for more, a panel is made float32
    /// before. 0: always.</summary>
    static abstract int BlockRows { get; }

    /// <summary>
    /// C[rows, 32] = from + A[rows, k] B[k, 32] with at most <see cref="Rows"/> rows. A's element (i, p) stands at a[p * rows + i], B's row p at b + 32 p; rows
    /// of
    /// <paramref name="from"/> and C lie <paramref name="fromStride"/> and <paramref name="cStride"/> floats apart, and the two may be the same memory. A tile
    /// may ask for what is ahead while it multiplies.
    /// </summary>
    static abstract void Multiply(int rows, int k, float* a, float* b, MatMulAhead ahead, float* from, long fromStride, float* c, long cStride);

    /// <summary>The same with B in blocks, for at most <see cref="BlockRows"/> rows.</summary>
    static abstract void MultiplyBlocks(
        WeightStorage storage, int rows, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride);
}

/// <summary>A tile's share of the panel that is multiplied next. It is asked for, not read, so it need not exist.</summary>
internal readonly unsafe struct MatMulAhead(byte* start, long bytes)
{
    public byte* Start => start;

    /// <summary>Bytes from one request to the next, if so many reach the end.</summary>
    public long Step(int requests) => requests == 0 ? 0 : (bytes + requests - 1) / requests;
}
