using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Numerics.Cpu;

/// <summary>
/// AVX2 with FMA: 6 rows x 16 columns in 12 of the 16 registers, two more for the row of B and one for the broadcast element of A. A tile's rows meet one half of the panel before the other, six, then
/// four, two and one at a time, and each of these calls asks for its share of the panel ahead: with few rows, as in decoding, B comes from memory while the panel before it is multiplied.
/// </summary>
internal readonly unsafe struct MatMulTile256 : IMatMulTile
{
    private const int PrefetchDistance = 256; // floats ahead of the row of B in use, which comes from the second-level cache
    private const int HalfWidth = MatMul.PanelWidth / 2;

    public static int Rows => 12;

    public static void Multiply(int rows, int k, float* a, float* b, MatMulAhead ahead, float* from, long fromStride, float* c, long cStride)
    {
        var callsOfHalf = (rows / 6) + BitOperations.PopCount((uint)rows % 6);
        var aheadStep = ahead.Step(2 * callsOfHalf * k);
        Half(rows, k, a, b, ahead.Start, aheadStep, from, fromStride, c, cStride);
        Half(rows, k, a, b + HalfWidth, ahead.Start + (callsOfHalf * k * aheadStep), aheadStep, from + HalfWidth, fromStride, c + HalfWidth, cStride);
    }

    private static void Half(int rows, int k, float* a, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var aStride = (long)rows;
        for (; rows >= 6; rows -= 6)
        {
            Rows6(k, a, aStride, b, ahead, aheadStep, from, fromStride, c, cStride);
            a += 6;
            from += 6 * fromStride;
            c += 6 * cStride;
            ahead += k * aheadStep;
        }

        if (rows >= 4)
        {
            Rows4(k, a, aStride, b, ahead, aheadStep, from, fromStride, c, cStride);
            a += 4;
            from += 4 * fromStride;
            c += 4 * cStride;
            ahead += k * aheadStep;
            rows -= 4;
        }

        if (rows >= 2)
        {
            Rows2(k, a, aStride, b, ahead, aheadStep, from, fromStride, c, cStride);
            a += 2;
            from += 2 * fromStride;
            c += 2 * cStride;
            ahead += k * aheadStep;
            rows -= 2;
        }

        if (rows > 0)
        {
            Rows1(k, a, aStride, b, ahead, aheadStep, from, fromStride, c, cStride);
        }
    }

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
            Rows4(1, a, aStride, b, ahead, aheadStep, c, cStride, c, cStride);
            Rows2(1, a + 4, aStride, b, ahead, aheadStep, c + (4 * cStride), cStride, c + (4 * cStride), cStride);
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
    private static void Rows2(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        var c10 = Vector256.Load(from + fromStride);
        var c11 = Vector256.Load(from + fromStride + 8);
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
        }

        c00.Store(c);
        c01.Store(c + 8);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, long aStride, float* b, byte* ahead, long aheadStep, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector256.Load(from);
        var c01 = Vector256.Load(from + 8);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth, ahead += aheadStep)
        {
            Sse.Prefetch1(ahead);
            Sse.Prefetch0(b + PrefetchDistance);
            var b0 = Vector256.Load(b);
            var b1 = Vector256.Load(b + 8);
            var x = Vector256.Create(*a);
            c00 = Fma.MultiplyAdd(x, b0, c00);
            c01 = Fma.MultiplyAdd(x, b1, c01);
        }

        c00.Store(c);
        c01.Store(c + 8);
    }
}
