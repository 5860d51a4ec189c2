using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>
/// Brings the operands of <see cref="MatMul"/> into the order in which a tile reads them: groups of neighbouring columns of B (panels) or rows of A (tiles), in
/// each group one step of K after the other.
/// </summary>
internal static unsafe class Packing
{
    private const int PackRows = 256; // of each of
    private const int PackPanels = 8; // panels: what one part packs
    private const int SummedPanels = 2; // what one part packs if it sums, too: whole cache lines, and parts enough for all threads
    private const int SummedRows = 64; // packed and then summed: half of the first-level cache
    private const int GroupsAtOnce = 8; // whole cache lines of the source, whatever the width of a group
    private const int RowsAhead = 4; // so far ahead rows are fetched; they lie too far apart for the processor to guess

    private struct Arguments
    {
        public int K, N, Steps;
        public float* B, Packed, Sums;
        public long RowStride, ColumnStride;
    }

    /// <summary>Packs B [k, n], whose element (k, n) stands at b[k * rowStride + n * columnStride], one of the strides being 1. The last panel is filled with
    /// zeros.</summary>
    public static void Panels(WorkerPool pool, int k, int n, float* b, long rowStride, long columnStride, float* packed)
    {
        var steps = (k + PackRows - 1) / PackRows;
        var groups = (n + (PackPanels * MatMul.PanelWidth) - 1) / (PackPanels * MatMul.PanelWidth);
        var arguments = new Arguments { K = k, N = n, Steps = steps, B = b, Packed = packed, RowStride = rowStride, ColumnStride = columnStride };
        pool.Run(&PackPart, &arguments, groups * steps);
    }

    /// <summary>The same for neighbouring columns, whose sums are added to <paramref name="sums"/>.</summary>
    public static void PanelsAndSums<T>(WorkerPool pool, int k, int n, float* b, long rowStride, float* packed, float* sums)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { K = k, N = n, B = b, Packed = packed, Sums = sums, RowStride = rowStride, ColumnStride = 1 };
        pool.Run(&PackAndSumPart<T>, &arguments, (n + (SummedPanels * MatMul.PanelWidth) - 1) / (SummedPanels * MatMul.PanelWidth));
    }

    /// <summary>
    /// Packs the rows of A that stand at a[i * rowStride + p * columnStride], one of the strides being 1, for i &lt; rows and p &lt; depth, into tiles of
    /// <paramref name="tileRows"/> rows; the last tile may have fewer.
    /// </summary>
    public static void Tiles(int rows, int depth, float* a, long rowStride, long columnStride, int tileRows, float* tiles)
    {
        var whole = rows / tileRows * tileRows;
        Groups(whole, depth, a, rowStride, columnStride, tileRows, (long)tileRows * depth, tiles);
        Groups(rows - whole, depth, a + (whole * rowStride), rowStride, columnStride, rows - whole, 0, tiles + ((long)whole * depth));
    }

    private static void PackPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var firstColumn = part / a->Steps * PackPanels * MatMul.PanelWidth;
        var endColumn = Math.Min(a->N, firstColumn + (PackPanels * MatMul.PanelWidth));
        var firstRow = part % a->Steps * PackRows;
        PackRange(a, firstRow, Math.Min(PackRows, a->K - firstRow), firstColumn, endColumn);
    }

    private static void PackAndSumPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var firstColumn = part * SummedPanels * MatMul.PanelWidth;
        var endColumn = Math.Min(a->N, firstColumn + (SummedPanels * MatMul.PanelWidth));
        for (var row = 0; row < a->K; row += SummedRows)
        {
            var rows = Math.Min(SummedRows, a->K - row);
            PackRange(a, row, rows, firstColumn, endColumn);
            ColumnSums.AddRows<T>(rows, endColumn - firstColumn, a->B + (row * a->RowStride) + firstColumn, a->RowStride, a->Sums + firstColumn);
        }
    }

    /// <summary>Some rows of whole panels.</summary>
    private static void PackRange(Arguments* a, int firstRow, int rows, int firstColumn, int endColumn)
    {
        var panelStride = (long)MatMul.PanelWidth * a->K;
        var destination = a->Packed + ((long)firstColumn * a->K) + ((long)firstRow * MatMul.PanelWidth);
        var partial = (endColumn - firstColumn) % MatMul.PanelWidth;
        if (partial > 0)
        {
            new Span<float>(destination + ((endColumn - firstColumn) / MatMul.PanelWidth * panelStride), rows * MatMul.PanelWidth).Clear();
        }

        Groups(
            endColumn - firstColumn, rows, a->B + (firstRow * a->RowStride) + (firstColumn * a->ColumnStride), a->ColumnStride, a->RowStride,
            MatMul.PanelWidth, panelStride, destination);
    }

    /// <summary>destination[i / width * groupStride + p * width + i % width] = source[i * across + p * along] for i &lt; count, p &lt; depth.</summary>
    private static void Groups(int count, int depth, float* source, long across, long along, int width, long groupStride, float* destination)
    {
        var atOnce = along == 1 ? width : GroupsAtOnce * width;
        for (var first = 0; first < count; first += atOnce)
        {
            var some = Math.Min(atOnce, count - first);
            var groups = destination + (first / width * groupStride);
            if (along == 1)
            {
                Transpose.Copy(some, depth, source + (first * across), across, groups, width);
            }
            else
            {
                Deal(some, depth, source + first, along, width, groupStride, groups);
            }
        }
    }

    /// <summary>Rows of the source lie <paramref name="along"/> apart; each is dealt out to the groups.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Deal(int count, int depth, float* source, long along, int width, long groupStride, float* destination)
    {
        for (var p = 0; p < depth; p++, source += along, destination += width)
        {
            if (p + RowsAhead < depth)
            {
                Fetch.Row(source + (RowsAhead * along), count);
            }

            var group = destination;
            for (var i = 0; i < count; i += width, group += groupStride)
            {
                CopyRun(source + i, group, Math.Min(width, count - i));
            }
        }
    }

    /// <summary>A few floats, too few for a call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyRun(float* source, float* destination, int count)
    {
        var i = 0;
        for (; i <= count - 8; i += 8)
        {
            Vector256.Load(source + i).Store(destination + i);
        }

        for (; i <= count - 4; i += 4)
        {
            Vector128.Load(source + i).Store(destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = source[i];
        }
    }
}
