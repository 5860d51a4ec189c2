using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Rlhf.Numerics.Cpu;

/// <summary>Copies a small matrix with its axes swapped: the one step that packing needs for operands whose neighbours stand in the wrong direction.</summary>
internal static unsafe class Transpose
{
    private const int CacheLine = 16; // floats

    /// <summary>
    /// destination[j * destinationStride + i] = source[i * sourceStride + j] for i &lt; <paramref name="rows"/>, j &lt; <paramref name="columns"/>. Walks a cache line of four rows at a
    /// time: rows whose distance is a power of two share a few cache sets, and more of them at once would evict each other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(int rows, int columns, float* source, long sourceStride, float* destination, long destinationStride)
    {
        var fourRows = Vector128.IsHardwareAccelerated ? rows & ~3 : 0;
        var fourColumns = columns & ~3;
        for (var line = 0; line < columns; line += CacheLine)
        {
            var end = Math.Min(line + CacheLine, columns);
            var quads = Math.Min(line + CacheLine, fourColumns);
            for (var i = 0; i < fourRows; i += 4)
            {
                for (var j = line; j < quads; j += 4)
                {
                    FourByFour(source + (i * sourceStride) + j, sourceStride, destination + (j * destinationStride) + i, destinationStride);
                }

            }

            if (quads < end)
            {
                OneByOne(0, fourRows, Math.Max(line, quads), end, source, sourceStride, destination, destinationStride);
            }

            if (fourRows < rows)
            {
                OneByOne(fourRows, rows, line, end, source, sourceStride, destination, destinationStride);
            }
        }
    }

    private static void OneByOne(int firstRow, int endRow, int firstColumn, int endColumn, float* source, long sourceStride, float* destination, long destinationStride)
    {
        for (var i = firstRow; i < endRow; i++)
        {
            for (var j = firstColumn; j < endColumn; j++)
            {
                destination[(j * destinationStride) + i] = source[(i * sourceStride) + j];
            }
        }
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
        System.Runtime.Intrinsics.X86.Sse.IsSupported
            ? System.Runtime.Intrinsics.X86.Sse.UnpackLow(x, y)
            : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipLow(x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveHigh(Vector128<float> x, Vector128<float> y) =>
        System.Runtime.Intrinsics.X86.Sse.IsSupported
            ? System.Runtime.Intrinsics.X86.Sse.UnpackHigh(x, y)
            : System.Runtime.Intrinsics.Arm.AdvSimd.Arm64.ZipHigh(x, y);
}
