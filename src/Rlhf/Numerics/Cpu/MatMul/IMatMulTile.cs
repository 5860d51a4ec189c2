namespace Rlhf.Numerics.Cpu;

/// <summary>The inner product of <see cref="MatMul"/> on one instruction set: a few rows of A times one panel of B, the sums in registers.</summary>
internal unsafe interface IMatMulTile
{
    /// <summary>Rows of the largest tile.</summary>
    static abstract int Rows { get; }

    /// <summary>
    /// C[rows, 32] = from + A[rows, k] B[k, 32] with at most <see cref="Rows"/> rows. A's element (i, p) stands at a[p * rows + i], B's row p at b + 32 p; rows of
    /// <paramref name="from"/> and C lie <paramref name="fromStride"/> and <paramref name="cStride"/> floats apart, and the two may be the same memory.
    /// </summary>
    static abstract void Multiply(int rows, int k, float* a, float* b, float* from, long fromStride, float* c, long cStride);
}
