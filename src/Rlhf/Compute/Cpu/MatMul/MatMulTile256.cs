using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// AVX2 with FMA: 6 rows x 16 columns in 12 of the 16 registers, two more for the row of B and one for the broadcast element of A. Sixes, and four that are
/// left, meet one half of the panel before the
/// other: a half fits the first-level cache. Three, two and one that are left meet the whole panel, since as many chains of sums as there are in a half would
/// wait for the multipliers' latency. Each of
/// these calls asks for its share of the panel ahead: with few rows, as in decoding, B comes from memory while the panel before it is multiplied.
/// </summary>
internal readonly unsafe struct MatMulTile256 : IMatMulTile
{
    private const int PrefetchDistance = 256; // floats ahead of the row of B in use, which comes from the second-level cache
    private const int HalfWidth = MatMul.PanelWidth / 2;

    public static int Rows => 12;

    public static int BlockRows => BlockTile256.Rows;

    public static void MultiplyBlocks(
        WeightStorage storage, int rows, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride) =>
        BlockTile256.Multiply(storage, rows, k, a, blocks, from, fromStride, c, cStride);

    public static void Multiply(int rows, int k, float* a, float* b, MatMulAhead ahead, float* from, long fromStride, float* c, long cStride)
    {
        var aStride = (long)rows;
        var request = ahead.Start;
        var step = ahead.Step(Calls(rows) * k);
        var halved = rows % 6 == 4 ? rows : rows / 6 * 6;
        for (var half = 0; half < MatMul.PanelWidth; half += HalfWidth)
        {
            var i = 0;
            for (; i + 6 <= halved; i += 6, request += k * step)
            {
                Rows6(k, a + i, aStride, b + half, request, step, from + (i * fromStride) + half, fromStride, c + (i * cStride) + half, cStride);
            }

            if (i < halved)
            {
                Rows4(k, a + i, aStride, b + half, request, step, from + (i * fromStride) + half, fromStride, c + (i * cStride) + half, cStride);
                request += k * step;
            }
        }

        a += halved;
        from += halved * fromStride;
        c += halved * cStride;
        rows -= halved;
        if (rows >= 3)
        {
            Rows3(k, a, aStride, b, request, step, from, fromStride, c, cStride);
            a += 3;
            from += 3 * fromStride;
            c += 3 * cStride;
            request += k * step;
            rows -= 3;
        }

        if (rows == 2)
        {
            Rows2(k, a, aStride, b, request, step, from, fromStride, c, cStride);
        }
        else if (rows == 1)
        {
            Rows1(k, a, aStride, b, request, step, from, c);
        }
    }

    private static int Calls(int rows) => (2 * (rows / 6)) + (rows % 6 == 4 ? 2 : (rows % 6 / 3) + (rows % 3 > 0 ? 1 : 0));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        var c10 = Vector256.Load(from + fromStride);
        var c11 = Vector256.Load(from + fromStride + 8);
        var c20 = Vector256.Load(from + (2 * fromStride));
        var c21 = Vector256.Load(from + (2 * fromStride) + 8);
        var c30 = Vector256.Load(from + (3 * fromStride));
        var c31 = Vector256.Load(from + (3 * fromStride) + 8);
        var c40 = Vector256.Load(from + (4 * fromStride));
        var c41 = Vector256.Load(from + (4 * fromStride) + 8);
        var c50 = Vector256.Load(from + (5 * fromStride));
        var c51 = Vector256.Load(from + (5 * fromStride) + 8);
        Sse.Prefetch0(c + (6 * cStride));
        Sse.Prefetch0(c + (7 * cStride));
        Sse.Prefetch0(c + (8 * cStride));
        Sse.Prefetch0(c + (9 * cStride));
        Sse.Prefetch0(c + (10 * cStride));
        Sse.Prefetch0(c + (11 * cStride));
        // Two steps of K at a time, for fewer instructions: another thread on the same core takes a share of those that it starts.
        var pairs = k & ~1;
        for (var end = a + (pairs * aStride); a != end; a += 2 * aStride, b += 2 * MatMul.PanelWidth, ahead += 2 * aheadStep)
        {
            Sse.Prefetch1(ahead);
            Sse.Prefetch0(b + PrefetchDistance);
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var x = Vector256.Create(a[0]);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            x = Vector256.Create(a[1]);
            c10 = Fma.MultiplyAdd(x, b0, c10);
            c11 = Fma.MultiplyAdd(x, b1, c11);
            x = Vector256.Create(a[2]);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            x = Vector256.Create(a[3]);
            c30 = Fma.MultiplyAdd(x, b0, c30);
            c31 = Fma.MultiplyAdd(x, b1, c31);
            x = Vector256.Create(a[4]);
            c40 = Fma.MultiplyAdd(x, b0, c40);
            c41 = Fma.MultiplyAdd(x, b1, c41);
            x = Vector256.Create(a[5]);
            c50 = Fma.MultiplyAdd(x, b0, c50);
            c51 = Fma.MultiplyAdd(x, b1, c51);
            Sse.Prefetch1(ahead + aheadStep);
            Sse.Prefetch0(b + MatMul.PanelWidth + PrefetchDistance);
            b0 = Vector256.Load(b + MatMul.PanelWidth);
            b1 = Vector256.Load(b + MatMul.PanelWidth + 8);
            x = Vector256.Create(a[aStride]);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            x = Vector256.Create(a[aStride + 1]);
            c10 = Fma.MultiplyAdd(x, b0, c10);
            c11 = Fma.MultiplyAdd(x, b1, c11);
            x = Vector256.Create(a[aStride + 2]);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            x = Vector256.Create(a[aStride + 3]);
            c30 = Fma.MultiplyAdd(x, b0, c30);
            c31 = Fma.MultiplyAdd(x, b1, c31);
            x = Vector256.Create(a[aStride + 4]);
            c40 = Fma.MultiplyAdd(x, b0, c40);
            c41 = Fma.MultiplyAdd(x, b1, c41);
            x = Vector256.Create(a[aStride + 5]);
            c50 = Fma.MultiplyAdd(x, b0, c50);
            c51 = Fma.MultiplyAdd(x, b1, c51);
        }

        c00.Store(c);
        c01.Store(c + 8);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 8);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 8);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 8);
        c40.Store(c + (4 * cStride));
        c41.Store(c + (4 * cStride) + 8);
        c50.Store(c + (5 * cStride));
        c51.Store(c + (5 * cStride) + 8);

        if (pairs != k)
        {
            LastStep(a, b, c, cStride);
        }
    }

    /// <summary>One more step of K for six rows.</summary>
    private static void LastStep(float* a, float* b, float* c, long cStride)
    {
        var (b0, b1) = (Vector256.Load(b), Vector256.Load(b + 8));
        for (var row = 0; row < 6; row++, c += cStride)
        {
            var x = Vector256.Create(a[row]);
            Fma.MultiplyAdd(x, b0, Vector256.Load(c)).Store(c);
            Fma.MultiplyAdd(x, b1, Vector256.Load(c + 8)).Store(c + 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        var c10 = Vector256.Load(from + fromStride);
        var c11 = Vector256.Load(from + fromStride + 8);
        var c20 = Vector256.Load(from + (2 * fromStride));
        var c21 = Vector256.Load(from + (2 * fromStride) + 8);
        var c30 = Vector256.Load(from + (3 * fromStride));
        var c31 = Vector256.Load(from + (3 * fromStride) + 8);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth, ahead += aheadStep)
        {
            Sse.Prefetch1(ahead);
            Sse.Prefetch0(b + PrefetchDistance);
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var x = Vector256.Create(*a);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
            x = Vector256.Create(a[1]);
            c10 = Fma.MultiplyAdd(x, b0, c10);
            c11 = Fma.MultiplyAdd(x, b1, c11);
            x = Vector256.Create(a[2]);
            c20 = Fma.MultiplyAdd(x, b0, c20);
            c21 = Fma.MultiplyAdd(x, b1, c21);
            x = Vector256.Create(a[3]);
            c30 = Fma.MultiplyAdd(x, b0, c30);
            c31 = Fma.MultiplyAdd(x, b1, c31);
        }

        c00.Store(c);
        c01.Store(c + 8);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 8);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 8);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows3(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        var c02 = Vector256.Load(from + 16);
        var c03 = Vector256.Load(from + 24);
        var c10 = Vector256.Load(from + fromStride);
        var c11 = Vector256.Load(from + fromStride + 8);
        var c12 = Vector256.Load(from + fromStride + 16);
        var c13 = Vector256.Load(from + fromStride + 24);
        var c20 = Vector256.Load(from + (2 * fromStride));
        var c21 = Vector256.Load(from + (2 * fromStride) + 8);
        var c22 = Vector256.Load(from + (2 * fromStride) + 16);
        var c23 = Vector256.Load(from + (2 * fromStride) + 24);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth, ahead += aheadStep)
        {
            Sse.Prefetch1(ahead);
            Sse.Prefetch0(b + PrefetchDistance);
            Sse.Prefetch0(b + PrefetchDistance + HalfWidth);
            var x0 = Vector256.Create(*a);
            var x1 = Vector256.Create(a[1]);
            var x2 = Vector256.Create(a[2]);
            var y = Vector256.Load(b);
            c00 = Fma.MultiplyAdd(x0, y, c00);
            c10 = Fma.MultiplyAdd(x1, y, c10);
            c20 = Fma.MultiplyAdd(x2, y, c20);
            y = Vector256.Load(b + 8);
            c01 = Fma.MultiplyAdd(x0, y, c01);
            c11 = Fma.MultiplyAdd(x1, y, c11);
            c21 = Fma.MultiplyAdd(x2, y, c21);
            y = Vector256.Load(b + 16);
            c02 = Fma.MultiplyAdd(x0, y, c02);
            c12 = Fma.MultiplyAdd(x1, y, c12);
            c22 = Fma.MultiplyAdd(x2, y, c22);
            y = Vector256.Load(b + 24);
            c03 = Fma.MultiplyAdd(x0, y, c03);
            c13 = Fma.MultiplyAdd(x1, y, c13);
            c23 = Fma.MultiplyAdd(x2, y, c23);
        }

        c00.Store(c);
        c01.Store(c + 8);
        c02.Store(c + 16);
        c03.Store(c + 24);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 8);
        c12.Store(c + cStride + 16);
        c13.Store(c + cStride + 24);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 8);
        c22.Store(c + (2 * cStride) + 16);
        c23.Store(c + (2 * cStride) + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        var c02 = Vector256.Load(from + 16);
        var c03 = Vector256.Load(from + 24);
        var c10 = Vector256.Load(from + fromStride);
        var c11 = Vector256.Load(from + fromStride + 8);
        var c12 = Vector256.Load(from + fromStride + 16);
        var c13 = Vector256.Load(from + fromStride + 24);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth, ahead += aheadStep)
        {
            Sse.Prefetch1(ahead);
            Sse.Prefetch0(b + PrefetchDistance);
            Sse.Prefetch0(b + PrefetchDistance + HalfWidth);
            var x0 = Vector256.Create(*a);
            var x1 = Vector256.Create(a[1]);
            var y = Vector256.Load(b);
            c00 = Fma.MultiplyAdd(x0, y, c00);
            c10 = Fma.MultiplyAdd(x1, y, c10);
            y = Vector256.Load(b + 8);
            c01 = Fma.MultiplyAdd(x0, y, c01);
            c11 = Fma.MultiplyAdd(x1, y, c11);
            y = Vector256.Load(b + 16);
            c02 = Fma.MultiplyAdd(x0, y, c02);
            c12 = Fma.MultiplyAdd(x1, y, c12);
            y = Vector256.Load(b + 24);
            c03 = Fma.MultiplyAdd(x0, y, c03);
            c13 = Fma.MultiplyAdd(x1, y, c13);
        }

        c00.Store(c);
        c01.Store(c + 8);
        c02.Store(c + 16);
        c03.Store(c + 24);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 8);
        c12.Store(c + cStride + 16);
        c13.Store(c + cStride + 24);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, float* c)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        var c02 = Vector256.Load(from + 16);
        var c03 = Vector256.Load(from + 24);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth, ahead += aheadStep)
        {
            Sse.Prefetch1(ahead);
            Sse.Prefetch0(b + PrefetchDistance);
            Sse.Prefetch0(b + PrefetchDistance + HalfWidth);
            var x0 = Vector256.Create(*a);
            var y = Vector256.Load(b);
            c00 = Fma.MultiplyAdd(x0, y, c00);
            y = Vector256.Load(b + 8);
            c01 = Fma.MultiplyAdd(x0, y, c01);
            y = Vector256.Load(b + 16);
            c02 = Fma.MultiplyAdd(x0, y, c02);
            y = Vector256.Load(b + 24);
            c03 = Fma.MultiplyAdd(x0, y, c03);
        }

        c00.Store(c);
        c01.Store(c + 8);
        c02.Store(c + 16);
        c03.Store(c + 24);
    }
}
