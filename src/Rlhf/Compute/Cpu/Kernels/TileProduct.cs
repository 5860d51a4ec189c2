using Rlhf.Compute.Cpu.Simd;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>
/// The small matrix product inside attention: C[m, 16 vectors] (+)= A[m, k] B[k, 16 vectors] on operands that fit the first-level cache. As in
/// <see cref="MatMul"/>, each
/// element is one chain of fused multiply-adds over k. B's numbers are float, or ushort for bfloat16.
/// </summary>
internal static unsafe class TileProduct
{
    /// <summary>A's element (i, p) stands at a[i aRow + p aColumn], B's row p at b + p bRow, C's row i at c + i cRow.</summary>
    public static void Run<T, TNumber>(
        int m, int vectors, int k, float* a, long aRow, long aColumn, TNumber* b, long bRow, float* c, long cRow, bool accumulate)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
    {
        var fours = m & ~3;
        var v = 0;
        for (; T.HasWideRegisterFile && v + 2 <= vectors; v += 2)
        {
            Columns2<T, TNumber>(fours, k, a, aRow, aColumn, b + (v * ILanes<T>.Count), bRow, c + (v * ILanes<T>.Count), cRow, accumulate);
        }

        for (; v < vectors; v++)
        {
            Columns1<T, TNumber>(fours, k, a, aRow, aColumn, b + (v * ILanes<T>.Count), bRow, c + (v * ILanes<T>.Count), cRow, accumulate);
        }

        for (var i = fours; i < m; i++)
        {
            Row<T, TNumber>(vectors, k, a + (i * aRow), aColumn, b, bRow, c + (i * cRow), accumulate);
        }
    }

    private static void Columns2<T, TNumber>(int m, int k, float* a, long aRow, long aColumn, TNumber* b, long bRow, float* c, long cRow, bool accumulate)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
    {
        var zero = T.Broadcast(0f);
        var i = 0;
        for (; i + 4 <= m; i += 4)
        {
            float* a0 = a + (i * aRow), a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
            float* c0 = c + (i * cRow), c1 = c0 + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
            T s00 = zero, s01 = zero, s10 = zero, s11 = zero, s20 = zero, s21 = zero, s30 = zero, s31 = zero;
            if (accumulate)
            {
                (s00, s01) = (T.Load(c0), T.Load(c0 + ILanes<T>.Count));
                (s10, s11) = (T.Load(c1), T.Load(c1 + ILanes<T>.Count));
                (s20, s21) = (T.Load(c2), T.Load(c2 + ILanes<T>.Count));
                (s30, s31) = (T.Load(c3), T.Load(c3 + ILanes<T>.Count));
            }

            var bp = b;
            for (long p = 0, offset = 0; p < k; p++, offset += aColumn, bp += bRow)
            {
                var (b0, b1) = (VectorMath.Load<T, TNumber>(bp), VectorMath.Load<T, TNumber>(bp + ILanes<T>.Count));
                var x0 = T.Broadcast(a0[offset]);
                s00 = T.FusedMultiplyAdd(x0, b0, s00);
                s01 = T.FusedMultiplyAdd(x0, b1, s01);
                var x1 = T.Broadcast(a1[offset]);
                s10 = T.FusedMultiplyAdd(x1, b0, s10);
                s11 = T.FusedMultiplyAdd(x1, b1, s11);
                var x2 = T.Broadcast(a2[offset]);
                s20 = T.FusedMultiplyAdd(x2, b0, s20);
                s21 = T.FusedMultiplyAdd(x2, b1, s21);
                var x3 = T.Broadcast(a3[offset]);
                s30 = T.FusedMultiplyAdd(x3, b0, s30);
                s31 = T.FusedMultiplyAdd(x3, b1, s31);
            }

            T.Store(c0, s00);
            T.Store(c0 + ILanes<T>.Count, s01);
            T.Store(c1, s10);
            T.Store(c1 + ILanes<T>.Count, s11);
            T.Store(c2, s20);
            T.Store(c2 + ILanes<T>.Count, s21);
            T.Store(c3, s30);
            T.Store(c3 + ILanes<T>.Count, s31);
        }
    }

    private static void Columns1<T, TNumber>(int m, int k, float* a, long aRow, long aColumn, TNumber* b, long bRow, float* c, long cRow, bool accumulate)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
    {
        var zero = T.Broadcast(0f);
        var i = 0;
        for (; i + 4 <= m; i += 4)
        {
            float* a0 = a + (i * aRow), a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
            float* c0 = c + (i * cRow), c1 = c0 + cRow, c2 = c1 + cRow, c3 = c2 + cRow;
            var (s0, s1, s2, s3) = accumulate ? (T.Load(c0), T.Load(c1), T.Load(c2), T.Load(c3)) : (zero, zero, zero, zero);
            var bp = b;
            for (long p = 0, offset = 0; p < k; p++, offset += aColumn, bp += bRow)
            {
                var b0 = VectorMath.Load<T, TNumber>(bp);
                s0 = T.FusedMultiplyAdd(T.Broadcast(a0[offset]), b0, s0);
                s1 = T.FusedMultiplyAdd(T.Broadcast(a1[offset]), b0, s1);
                s2 = T.FusedMultiplyAdd(T.Broadcast(a2[offset]), b0, s2);
                s3 = T.FusedMultiplyAdd(T.Broadcast(a3[offset]), b0, s3);
            }

            T.Store(c0, s0);
            T.Store(c1, s1);
            T.Store(c2, s2);
            T.Store(c3, s3);
        }
    }

    /// <summary>One row, as in decoding: several vectors at once, because a chain of multiply-adds alone waits for each of them.</summary>
    private static void Row<T, TNumber>(int vectors, int k, float* a, long aColumn, TNumber* b, long bRow, float* c, bool accumulate)
        where T : unmanaged, ILanes<T>
        where TNumber : unmanaged
    {
        var zero = T.Broadcast(0f);
        var v = 0;
        for (; v + 4 <= vectors; v += 4, b += 4 * ILanes<T>.Count, c += 4 * ILanes<T>.Count)
        {
            float* c1 = c + ILanes<T>.Count, c2 = c1 + ILanes<T>.Count, c3 = c2 + ILanes<T>.Count;
            var (s0, s1, s2, s3) = accumulate ? (T.Load(c), T.Load(c1), T.Load(c2), T.Load(c3)) : (zero, zero, zero, zero);
            var bp = b;
            for (long p = 0, offset = 0; p < k; p++, offset += aColumn, bp += bRow)
            {
                var x = T.Broadcast(a[offset]);
                s0 = T.FusedMultiplyAdd(x, VectorMath.Load<T, TNumber>(bp), s0);
                s1 = T.FusedMultiplyAdd(x, VectorMath.Load<T, TNumber>(bp + ILanes<T>.Count), s1);
                s2 = T.FusedMultiplyAdd(x, VectorMath.Load<T, TNumber>(bp + (2 * ILanes<T>.Count)), s2);
                s3 = T.FusedMultiplyAdd(x, VectorMath.Load<T, TNumber>(bp + (3 * ILanes<T>.Count)), s3);
            }

            T.Store(c, s0);
            T.Store(c1, s1);
            T.Store(c2, s2);
            T.Store(c3, s3);
        }

        for (; v + 2 <= vectors; v += 2, b += 2 * ILanes<T>.Count, c += 2 * ILanes<T>.Count)
        {
            var c1 = c + ILanes<T>.Count;
            var (s0, s1) = accumulate ? (T.Load(c), T.Load(c1)) : (zero, zero);
            var bp = b;
            for (long p = 0, offset = 0; p < k; p++, offset += aColumn, bp += bRow)
            {
                var x = T.Broadcast(a[offset]);
                s0 = T.FusedMultiplyAdd(x, VectorMath.Load<T, TNumber>(bp), s0);
                s1 = T.FusedMultiplyAdd(x, VectorMath.Load<T, TNumber>(bp + ILanes<T>.Count), s1);
            }

            T.Store(c, s0);
            T.Store(c1, s1);
        }

        for (; v < vectors; v++, b += ILanes<T>.Count, c += ILanes<T>.Count)
        {
            var s = accumulate ? T.Load(c) : zero;
            var bp = b;
            for (long p = 0, offset = 0; p < k; p++, offset += aColumn, bp += bRow)
            {
                s = T.FusedMultiplyAdd(T.Broadcast(a[offset]), VectorMath.Load<T, TNumber>(bp), s);
            }

            T.Store(c, s);
        }
    }
}
