using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// AVX-512: 12 rows x 32 columns in 24 of the 32 registers, two more for the row of B and one for the broadcast element of A: 24 multiply-adds for 14 loads.
/// The smaller tiles take what is left of a block of rows; from two rows on there are enough independent chains to hide the latency of four cycles.
/// </summary>
internal readonly unsafe struct MatMulTile512 : IMatMulTile
{
    /// <summary>Floats ahead of the row of B in use: decoding reads B from memory, and eight rows take about as long as memory needs.</summary>
    private const int PrefetchDistance = 256;

    public static int Rows => 12;

    public static int BlockRows => BlockTile512.Rows;

    public static void MultiplyBlocks(
        WeightStorage storage, int rows, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride) =>
        BlockTile512.Multiply(storage, rows, k, a, blocks, from, fromStride, c, cStride);

    public static void Multiply(int rows, int k, float* a, float* b, MatMulAhead ahead, float* from, long fromStride, float* c, long cStride)
    {
        var aStride = (long)rows;
        if (rows >= 12)
        {
            Rows12(k, a, aStride, b, from, fromStride, c, cStride);
            a += 12;
            from += 12 * fromStride;
            c += 12 * cStride;
            rows -= 12;
        }

        if (rows >= 8)
        {
            Rows8(k, a, aStride, b, from, fromStride, c, cStride);
            a += 8;
            from += 8 * fromStride;
            c += 8 * cStride;
            rows -= 8;
        }

        if (rows >= 4)
        {
            Rows4(k, a, aStride, b, from, fromStride, c, cStride);
            a += 4;
            from += 4 * fromStride;
            c += 4 * cStride;
            rows -= 4;
        }

        if (rows >= 2)
        {
            Rows2(k, a, aStride, b, from, fromStride, c, cStride);
            a += 2;
            from += 2 * fromStride;
            c += 2 * cStride;
            rows -= 2;
        }

        if (rows > 0)
        {
            Rows1(k, a, aStride, b, from, fromStride, c, cStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows12(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector512.Load(from);
        var c01 = Vector512.Load(from + 16);
        var c10 = Vector512.Load(from + fromStride);
        var c11 = Vector512.Load(from + fromStride + 16);
        var c20 = Vector512.Load(from + (2 * fromStride));
        var c21 = Vector512.Load(from + (2 * fromStride) + 16);
        var c30 = Vector512.Load(from + (3 * fromStride));
        var c31 = Vector512.Load(from + (3 * fromStride) + 16);
        var c40 = Vector512.Load(from + (4 * fromStride));
        var c41 = Vector512.Load(from + (4 * fromStride) + 16);
        var c50 = Vector512.Load(from + (5 * fromStride));
        var c51 = Vector512.Load(from + (5 * fromStride) + 16);
        var c60 = Vector512.Load(from + (6 * fromStride));
        var c61 = Vector512.Load(from + (6 * fromStride) + 16);
        var c70 = Vector512.Load(from + (7 * fromStride));
        var c71 = Vector512.Load(from + (7 * fromStride) + 16);
        var c80 = Vector512.Load(from + (8 * fromStride));
        var c81 = Vector512.Load(from + (8 * fromStride) + 16);
        var c90 = Vector512.Load(from + (9 * fromStride));
        var c91 = Vector512.Load(from + (9 * fromStride) + 16);
        var cA0 = Vector512.Load(from + (10 * fromStride));
        var cA1 = Vector512.Load(from + (10 * fromStride) + 16);
        var cB0 = Vector512.Load(from + (11 * fromStride));
        var cB1 = Vector512.Load(from + (11 * fromStride) + 16);
        Sse.Prefetch0(c + (12 * cStride));
        Sse.Prefetch0(c + (12 * cStride) + 16);
        Sse.Prefetch0(c + (13 * cStride));
        Sse.Prefetch0(c + (13 * cStride) + 16);
        Sse.Prefetch0(c + (14 * cStride));
        Sse.Prefetch0(c + (14 * cStride) + 16);
        Sse.Prefetch0(c + (15 * cStride));
        Sse.Prefetch0(c + (15 * cStride) + 16);
        Sse.Prefetch0(c + (16 * cStride));
        Sse.Prefetch0(c + (16 * cStride) + 16);
        Sse.Prefetch0(c + (17 * cStride));
        Sse.Prefetch0(c + (17 * cStride) + 16);
        Sse.Prefetch0(c + (18 * cStride));
        Sse.Prefetch0(c + (18 * cStride) + 16);
        Sse.Prefetch0(c + (19 * cStride));
        Sse.Prefetch0(c + (19 * cStride) + 16);
        Sse.Prefetch0(c + (20 * cStride));
        Sse.Prefetch0(c + (20 * cStride) + 16);
        Sse.Prefetch0(c + (21 * cStride));
        Sse.Prefetch0(c + (21 * cStride) + 16);
        Sse.Prefetch0(c + (22 * cStride));
        Sse.Prefetch0(c + (22 * cStride) + 16);
        Sse.Prefetch0(c + (23 * cStride));
        Sse.Prefetch0(c + (23 * cStride) + 16);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            Sse.Prefetch0(b + PrefetchDistance);
            Sse.Prefetch0(b + PrefetchDistance + 16);
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var x = Vector512.Create(*a);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[1]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[2]);
            c20 = Avx512F.FusedMultiplyAdd(x, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a[3]);
            c30 = Avx512F.FusedMultiplyAdd(x, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(a[4]);
            c40 = Avx512F.FusedMultiplyAdd(x, b0, c40);
            c41 = Avx512F.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a[5]);
            c50 = Avx512F.FusedMultiplyAdd(x, b0, c50);
            c51 = Avx512F.FusedMultiplyAdd(x, b1, c51);
            x = Vector512.Create(a[6]);
            c60 = Avx512F.FusedMultiplyAdd(x, b0, c60);
            c61 = Avx512F.FusedMultiplyAdd(x, b1, c61);
            x = Vector512.Create(a[7]);
            c70 = Avx512F.FusedMultiplyAdd(x, b0, c70);
            c71 = Avx512F.FusedMultiplyAdd(x, b1, c71);
            x = Vector512.Create(a[8]);
            c80 = Avx512F.FusedMultiplyAdd(x, b0, c80);
            c81 = Avx512F.FusedMultiplyAdd(x, b1, c81);
            x = Vector512.Create(a[9]);
            c90 = Avx512F.FusedMultiplyAdd(x, b0, c90);
            c91 = Avx512F.FusedMultiplyAdd(x, b1, c91);
            x = Vector512.Create(a[10]);
            cA0 = Avx512F.FusedMultiplyAdd(x, b0, cA0);
            cA1 = Avx512F.FusedMultiplyAdd(x, b1, cA1);
            x = Vector512.Create(a[11]);
            cB0 = Avx512F.FusedMultiplyAdd(x, b0, cB0);
            cB1 = Avx512F.FusedMultiplyAdd(x, b1, cB1);
        }

        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 16);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 16);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 16);
        c40.Store(c + (4 * cStride));
        c41.Store(c + (4 * cStride) + 16);
        c50.Store(c + (5 * cStride));
        c51.Store(c + (5 * cStride) + 16);
        c60.Store(c + (6 * cStride));
        c61.Store(c + (6 * cStride) + 16);
        c70.Store(c + (7 * cStride));
        c71.Store(c + (7 * cStride) + 16);
        c80.Store(c + (8 * cStride));
        c81.Store(c + (8 * cStride) + 16);
        c90.Store(c + (9 * cStride));
        c91.Store(c + (9 * cStride) + 16);
        cA0.Store(c + (10 * cStride));
        cA1.Store(c + (10 * cStride) + 16);
        cB0.Store(c + (11 * cStride));
        cB1.Store(c + (11 * cStride) + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector512.Load(from);
        var c01 = Vector512.Load(from + 16);
        var c10 = Vector512.Load(from + fromStride);
        var c11 = Vector512.Load(from + fromStride + 16);
        var c20 = Vector512.Load(from + (2 * fromStride));
        var c21 = Vector512.Load(from + (2 * fromStride) + 16);
        var c30 = Vector512.Load(from + (3 * fromStride));
        var c31 = Vector512.Load(from + (3 * fromStride) + 16);
        var c40 = Vector512.Load(from + (4 * fromStride));
        var c41 = Vector512.Load(from + (4 * fromStride) + 16);
        var c50 = Vector512.Load(from + (5 * fromStride));
        var c51 = Vector512.Load(from + (5 * fromStride) + 16);
        var c60 = Vector512.Load(from + (6 * fromStride));
        var c61 = Vector512.Load(from + (6 * fromStride) + 16);
        var c70 = Vector512.Load(from + (7 * fromStride));
        var c71 = Vector512.Load(from + (7 * fromStride) + 16);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            Sse.Prefetch0(b + PrefetchDistance);
            Sse.Prefetch0(b + PrefetchDistance + 16);
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var x = Vector512.Create(*a);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[1]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[2]);
            c20 = Avx512F.FusedMultiplyAdd(x, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a[3]);
            c30 = Avx512F.FusedMultiplyAdd(x, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(a[4]);
            c40 = Avx512F.FusedMultiplyAdd(x, b0, c40);
            c41 = Avx512F.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a[5]);
            c50 = Avx512F.FusedMultiplyAdd(x, b0, c50);
            c51 = Avx512F.FusedMultiplyAdd(x, b1, c51);
            x = Vector512.Create(a[6]);
            c60 = Avx512F.FusedMultiplyAdd(x, b0, c60);
            c61 = Avx512F.FusedMultiplyAdd(x, b1, c61);
            x = Vector512.Create(a[7]);
            c70 = Avx512F.FusedMultiplyAdd(x, b0, c70);
            c71 = Avx512F.FusedMultiplyAdd(x, b1, c71);
        }

        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 16);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 16);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 16);
        c40.Store(c + (4 * cStride));
        c41.Store(c + (4 * cStride) + 16);
        c50.Store(c + (5 * cStride));
        c51.Store(c + (5 * cStride) + 16);
        c60.Store(c + (6 * cStride));
        c61.Store(c + (6 * cStride) + 16);
        c70.Store(c + (7 * cStride));
        c71.Store(c + (7 * cStride) + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector512.Load(from);
        var c01 = Vector512.Load(from + 16);
        var c10 = Vector512.Load(from + fromStride);
        var c11 = Vector512.Load(from + fromStride + 16);
        var c20 = Vector512.Load(from + (2 * fromStride));
        var c21 = Vector512.Load(from + (2 * fromStride) + 16);
        var c30 = Vector512.Load(from + (3 * fromStride));
        var c31 = Vector512.Load(from + (3 * fromStride) + 16);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var x = Vector512.Create(*a);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[1]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[2]);
            c20 = Avx512F.FusedMultiplyAdd(x, b0, c20);
            c21 = Avx512F.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a[3]);
            c30 = Avx512F.FusedMultiplyAdd(x, b0, c30);
            c31 = Avx512F.FusedMultiplyAdd(x, b1, c31);
        }

        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 16);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 16);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector512.Load(from);
        var c01 = Vector512.Load(from + 16);
        var c10 = Vector512.Load(from + fromStride);
        var c11 = Vector512.Load(from + fromStride + 16);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var x = Vector512.Create(*a);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[1]);
            c10 = Avx512F.FusedMultiplyAdd(x, b0, c10);
            c11 = Avx512F.FusedMultiplyAdd(x, b1, c11);
        }

        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector512.Load(from);
        var c01 = Vector512.Load(from + 16);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector512.Load(b);
            var b1 = Vector512.Load(b + 16);
            var x = Vector512.Create(*a);
            c00 = Avx512F.FusedMultiplyAdd(x, b0, c00);
            c01 = Avx512F.FusedMultiplyAdd(x, b1, c01);
        }

        c00.Store(c);
        c01.Store(c + 16);
    }
}
