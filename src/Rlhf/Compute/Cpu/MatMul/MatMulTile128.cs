using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// 128-bit registers (x64 and Arm): 6 rows x 8 columns in 12 registers, two more for the row of B and one for the broadcast element of A, which fits the 16 of
/// x64.
/// Where the machine has no fused multiply-add, product and sum are rounded apart, as in <see cref="Lanes128"/>.
/// </summary>
internal readonly unsafe struct MatMulTile128 : IMatMulTile
{
    public static int Rows => 6;

    public static int BlockRows => 0;

    public static void MultiplyBlocks(
        WeightStorage storage, int rows, int k, float* a, byte* blocks, float* from, long fromStride, float* c, long cStride) =>
        throw new NotSupportedException();

    public static void Multiply(int rows, int k, float* a, float* b, MatMulAhead ahead, float* from, long fromStride, float* c, long cStride)
    {
        for (var column = 0; column < MatMul.PanelWidth; column += 8)
        {
            Columns(rows, k, a, b + column, from + column, fromStride, c + column, cStride);
        }
    }

    private static void Columns(int rows, int k, float* a, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var aStride = (long)rows;
        if (rows >= 6)
        {
            Rows6(k, a, aStride, b, from, fromStride, c, cStride);
            a += 6;
            from += 6 * fromStride;
            c += 6 * cStride;
            rows -= 6;
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
    private static void Rows6(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector128.Load(from);
        var c01 = Vector128.Load(from + 4);
        var c10 = Vector128.Load(from + fromStride);
        var c11 = Vector128.Load(from + fromStride + 4);
        var c20 = Vector128.Load(from + (2 * fromStride));
        var c21 = Vector128.Load(from + (2 * fromStride) + 4);
        var c30 = Vector128.Load(from + (3 * fromStride));
        var c31 = Vector128.Load(from + (3 * fromStride) + 4);
        var c40 = Vector128.Load(from + (4 * fromStride));
        var c41 = Vector128.Load(from + (4 * fromStride) + 4);
        var c50 = Vector128.Load(from + (5 * fromStride));
        var c51 = Vector128.Load(from + (5 * fromStride) + 4);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector128.Load(b);
            var b1 = Vector128.Load(b + 4);
            var x = Vector128.Create(*a);
            c00 = Lanes128.MultiplyAdd(x, b0, c00);
            c01 = Lanes128.MultiplyAdd(x, b1, c01);
            x = Vector128.Create(a[1]);
            c10 = Lanes128.MultiplyAdd(x, b0, c10);
            c11 = Lanes128.MultiplyAdd(x, b1, c11);
            x = Vector128.Create(a[2]);
            c20 = Lanes128.MultiplyAdd(x, b0, c20);
            c21 = Lanes128.MultiplyAdd(x, b1, c21);
            x = Vector128.Create(a[3]);
            c30 = Lanes128.MultiplyAdd(x, b0, c30);
            c31 = Lanes128.MultiplyAdd(x, b1, c31);
            x = Vector128.Create(a[4]);
            c40 = Lanes128.MultiplyAdd(x, b0, c40);
            c41 = Lanes128.MultiplyAdd(x, b1, c41);
            x = Vector128.Create(a[5]);
            c50 = Lanes128.MultiplyAdd(x, b0, c50);
            c51 = Lanes128.MultiplyAdd(x, b1, c51);
        }

        c00.Store(c);
        c01.Store(c + 4);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 4);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 4);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 4);
        c40.Store(c + (4 * cStride));
        c41.Store(c + (4 * cStride) + 4);
        c50.Store(c + (5 * cStride));
        c51.Store(c + (5 * cStride) + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector128.Load(from);
        var c01 = Vector128.Load(from + 4);
        var c10 = Vector128.Load(from + fromStride);
        var c11 = Vector128.Load(from + fromStride + 4);
        var c20 = Vector128.Load(from + (2 * fromStride));
        var c21 = Vector128.Load(from + (2 * fromStride) + 4);
        var c30 = Vector128.Load(from + (3 * fromStride));
        var c31 = Vector128.Load(from + (3 * fromStride) + 4);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector128.Load(b);
            var b1 = Vector128.Load(b + 4);
            var x = Vector128.Create(*a);
            c00 = Lanes128.MultiplyAdd(x, b0, c00);
            c01 = Lanes128.MultiplyAdd(x, b1, c01);
            x = Vector128.Create(a[1]);
            c10 = Lanes128.MultiplyAdd(x, b0, c10);
            c11 = Lanes128.MultiplyAdd(x, b1, c11);
            x = Vector128.Create(a[2]);
            c20 = Lanes128.MultiplyAdd(x, b0, c20);
            c21 = Lanes128.MultiplyAdd(x, b1, c21);
            x = Vector128.Create(a[3]);
            c30 = Lanes128.MultiplyAdd(x, b0, c30);
            c31 = Lanes128.MultiplyAdd(x, b1, c31);
        }

        c00.Store(c);
        c01.Store(c + 4);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 4);
        c20.Store(c + (2 * cStride));
        c21.Store(c + (2 * cStride) + 4);
        c30.Store(c + (3 * cStride));
        c31.Store(c + (3 * cStride) + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector128.Load(from);
        var c01 = Vector128.Load(from + 4);
        var c10 = Vector128.Load(from + fromStride);
        var c11 = Vector128.Load(from + fromStride + 4);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector128.Load(b);
            var b1 = Vector128.Load(b + 4);
            var x = Vector128.Create(*a);
            c00 = Lanes128.MultiplyAdd(x, b0, c00);
            c01 = Lanes128.MultiplyAdd(x, b1, c01);
            x = Vector128.Create(a[1]);
            c10 = Lanes128.MultiplyAdd(x, b0, c10);
            c11 = Lanes128.MultiplyAdd(x, b1, c11);
        }

        c00.Store(c);
        c01.Store(c + 4);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1(int k, float* a, long aStride, float* b, float* from, long fromStride, float* c, long cStride)
    {
        var c00 = Vector128.Load(from);
        var c01 = Vector128.Load(from + 4);
        for (var end = a + (k * aStride); a != end; a += aStride, b += MatMul.PanelWidth)
        {
            var b0 = Vector128.Load(b);
            var b1 = Vector128.Load(b + 4);
            var x = Vector128.Create(*a);
            c00 = Lanes128.MultiplyAdd(x, b0, c00);
            c01 = Lanes128.MultiplyAdd(x, b1, c01);
        }

        c00.Store(c);
        c01.Store(c + 4);
    }
}
