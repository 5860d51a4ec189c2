using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>Copies a small matrix with its axes swapped: the one step that packing needs for operands whose neighbours stand in the wrong direction.</summary>
internal static unsafe class Transpose
{
    private const int CacheLine = 16; // floats

    /// <summary>
    /// destination[j * destinationStride + i] = source[i * sourceStride + j] for i &lt; <paramref name="rows"/>, j &lt; <paramref name="columns"/>. Walks along
    /// few rows at a time: rows
    /// whose distance is a power of two share a few cache sets, and more of them at once would evict each other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(int rows, int columns, float* source, long sourceStride, float* destination, long destinationStride)
    {
        var lines = Avx512F.IsSupported ? columns & ~(CacheLine - 1) : 0;
        var lineRows = lines > 0 ? rows & ~(CacheLine - 1) : 0;
        var fourRows = Vector128.IsHardwareAccelerated ? rows & ~3 : 0;
        var fourColumns = columns & ~3;
        for (var i = 0; i < lineRows; i += CacheLine)
        {
            for (var j = 0; j < lines; j += CacheLine)
            {
                LineByLine(source + (i * sourceStride) + j, sourceStride, destination + (j * destinationStride) + i, destinationStride);
            }
        }

        for (var i = 0; i < fourRows; i += 4)
        {
            float* from = source + (i * sourceStride), to = destination + i;
            for (var j = 0; i >= lineRows && j < lines; j += CacheLine)
            {
                FourByLine(from + j, sourceStride, to + (j * destinationStride), destinationStride);
            }

            for (var j = lines; j < fourColumns; j += 4)
            {
                FourByFour(from + j, sourceStride, to + (j * destinationStride), destinationStride);
            }
        }

        OneByOne(0, fourRows, fourColumns, columns, source, sourceStride, destination, destinationStride);
        OneByOne(fourRows, rows, 0, columns, source, sourceStride, destination, destinationStride);
    }

    private static void OneByOne(
        int firstRow, int endRow, int firstColumn, int endColumn, float* source, long sourceStride, float* destination, long destinationStride)
    {
        for (var i = firstRow; i < endRow; i++)
        {
            for (var j = firstColumn; j < endColumn; j++)
            {
                destination[(j * destinationStride) + i] = source[(i * sourceStride) + j];
            }
        }
    }

    /// <summary>Sixteen rows of sixteen, written in whole cache lines.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LineByLine(float* source, long sourceStride, float* destination, long destinationStride)
    {
        Quarters(source, sourceStride, out var a0, out var a1, out var a2, out var a3);
        Quarters(source + (4 * sourceStride), sourceStride, out var b0, out var b1, out var b2, out var b3);
        Quarters(source + (8 * sourceStride), sourceStride, out var c0, out var c1, out var c2, out var c3);
        Quarters(source + (12 * sourceStride), sourceStride, out var d0, out var d1, out var d2, out var d3);
        StoreLines(a0, b0, c0, d0, destination, 4 * destinationStride);
        StoreLines(a1, b1, c1, d1, destination + destinationStride, 4 * destinationStride);
        StoreLines(a2, b2, c2, d2, destination + (2 * destinationStride), 4 * destinationStride);
        StoreLines(a3, b3, c3, d3, destination + (3 * destinationStride), 4 * destinationStride);
    }

    /// <summary>Four rows of sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourByLine(float* source, long sourceStride, float* destination, long destinationStride)
    {
        Quarters(source, sourceStride, out var q0, out var q1, out var q2, out var q3);
        StoreQuarters(q0, destination, 4 * destinationStride);
        StoreQuarters(q1, destination + destinationStride, 4 * destinationStride);
        StoreQuarters(q2, destination + (2 * destinationStride), 4 * destinationStride);
        StoreQuarters(q3, destination + (3 * destinationStride), 4 * destinationStride);
    }

    /// <summary>Four rows of sixteen, transposed by fours: quarter k of q_n is column 4 k + n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(float* source, long stride, out Vector512<float> q0, out Vector512<float> q1, out Vector512<float> q2, out Vector512<float> q3)
    {
        var (a, b) = (Vector512.Load(source), Vector512.Load(source + stride));
        var (c, d) = (Vector512.Load(source + (2 * stride)), Vector512.Load(source + (3 * stride)));
        var ac0 = Avx512F.UnpackLow(a, c); // a0 c0 a1 c1 in each quarter
        var ac1 = Avx512F.UnpackHigh(a, c); // a2 c2 a3 c3
        var bd0 = Avx512F.UnpackLow(b, d);
        var bd1 = Avx512F.UnpackHigh(b, d);
        (q0, q1) = (Avx512F.UnpackLow(ac0, bd0), Avx512F.UnpackHigh(ac0, bd0));
        (q2, q3) = (Avx512F.UnpackLow(ac1, bd1), Avx512F.UnpackHigh(ac1, bd1));
    }

    /// <summary>Line k is quarter k of a, b, c and d.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLines(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* destination, long stride)
    {
        var ab01 = Avx512F.Shuffle4x128(a, b, 0x44); // a's quarters 0 and 1, b's quarters 0 and 1
        var ab23 = Avx512F.Shuffle4x128(a, b, 0xEE);
        var cd01 = Avx512F.Shuffle4x128(c, d, 0x44);
        var cd23 = Avx512F.Shuffle4x128(c, d, 0xEE);
        Avx512F.Shuffle4x128(ab01, cd01, 0x88).Store(destination);
        Avx512F.Shuffle4x128(ab01, cd01, 0xDD).Store(destination + stride);
        Avx512F.Shuffle4x128(ab23, cd23, 0x88).Store(destination + (2 * stride));
        Avx512F.Shuffle4x128(ab23, cd23, 0xDD).Store(destination + (3 * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuarters(Vector512<float> x, float* destination, long stride)
    {
        Avx512F.ExtractVector128(x, 0).Store(destination);
        Avx512F.ExtractVector128(x, 1).Store(destination + stride);
        Avx512F.ExtractVector128(x, 2).Store(destination + (2 * stride));
        Avx512F.ExtractVector128(x, 3).Store(destination + (3 * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourByFour(float* source, long sourceStride, float* destination, long destinationStride)
    {
        var (a, b) = (Vector128.Load(source), Vector128.Load(source + sourceStride));
        var (c, d) = (Vector128.Load(source + (2 * sourceStride)), Vector128.Load(source + (3 * sourceStride)));
        var ac0 = InterleaveLow(a, c); // a0 c0 a1 c1
        var ac1 = InterleaveHigh(a, c); // a2 c2 a3 c3
        var bd0 = InterleaveLow(b, d);
        var bd1 = InterleaveHigh(b, d);
        InterleaveLow(ac0, bd0).Store(destination);
        InterleaveHigh(ac0, bd0).Store(destination + destinationStride);
        InterleaveLow(ac1, bd1).Store(destination + (2 * destinationStride));
        InterleaveHigh(ac1, bd1).Store(destination + (3 * destinationStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLow(Vector128<float> x, Vector128<float> y) =>
        Sse.IsSupported
            ? Sse.UnpackLow(x, y)
            : AdvSimd.Arm64.ZipLow(x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> x, Vector128<float> y) =>
        Sse.IsSupported
            ? Sse.UnpackHigh(x, y)
            : AdvSimd.Arm64.ZipHigh(x, y);
}
