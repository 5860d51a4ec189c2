using System.Runtime.CompilerServices;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>
/// Rounds operands to bfloat16 and lays them as <see cref="OneDnnProduct"/> wants them: A as dense rows, B as panels of 64 columns in which each two rows of K
/// stand as pairs. Both come
/// to the same two moves, as a pair is as wide as a float32: rounding along K and transposing the pairs, or pairing two rows of K.
/// </summary>
[SkipLocalsInit]
internal static unsafe class BFloat16Packing
{
    private const int Panel = OneDnnProduct.Columns;
    private const int PackRows = 128; // of each of
    private const int PackPanels = 4; // panels: what one part packs
    private const int SummedRows = 64; // packed and then summed: half of the first-level cache
    private const int RowsAhead = 16; // fetched: rows lie too far apart for the processor to guess
    private const int BlockPairs = 16; // of K, for the rows of a block at a time: most of the first-level cache

    private struct Arguments
    {
        public int K, N, Steps;
        public float* B, Packed, Sums;
        public long RowStride, ColumnStride;
    }

    /// <summary>Floats of a packed operand: bfloat16 in pairs, K rounded up to 32 and N to 64.</summary>
    public static long Length(long k, long n) => (n + Panel - 1) / Panel * PanelLength(k);

    /// <summary>Floats of one panel.</summary>
    public static long PanelLength(long k) => (long)BFloat16Parts.Rounded(k) * Panel / 2;

    /// <summary>Packs B, whose element (k, n) stands at b[k * rowStride + n * columnStride]; rows and columns beyond are zeros.</summary>
    public static void Pack(WorkerPool pool, int k, int n, float* b, long rowStride, long columnStride, float* packed)
    {
        var steps = (k + PackRows - 1) / PackRows;
        var groups = (n + (PackPanels * Panel) - 1) / (PackPanels * Panel);
        var arguments = new Arguments { K = k, N = n, Steps = steps, B = b, Packed = packed, RowStride = rowStride, ColumnStride = columnStride };
        pool.Run(&PackPart, &arguments, groups * steps);
    }

    /// <summary>The same for neighbouring columns, whose sums are added to <paramref name="sums"/>. One part is one panel.</summary>
    public static void PackAndSum<T>(WorkerPool pool, int k, int n, float* b, long rowStride, float* packed, float* sums)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new Arguments { K = k, N = n, B = b, Packed = packed, Sums = sums, RowStride = rowStride, ColumnStride = 1 };
        pool.Run(&PackAndSumPart<T>, &arguments, (n + Panel - 1) / Panel);
    }

    /// <summary>A block of A's rows, [<paramref name="padded"/>, <paramref name="paddedDepth"/>] in bfloat16; what is beyond <paramref name="rows"/> and
    /// <paramref name="depth"/> is zero.</summary>
    public static void Block(float* a, long rowStride, long columnStride, int rows, int depth, int padded, int paddedDepth, ushort* block)
    {
        if (padded > rows || paddedDepth > depth)
        {
            new Span<ushort>(block, padded * paddedDepth).Clear();
        }

        if (columnStride == 1)
        {
            for (var i = 0; i < rows; i++)
            {
                BFloat16.Convert(a + (i * rowStride), block + ((long)i * paddedDepth), depth);
            }

            return;
        }

        var pairs = stackalloc float[BlockPairs * rows];
        for (var k = 0; k < depth; k += 2 * BlockPairs)
        {
            var count = Math.Min(2 * BlockPairs, depth - k);
            Pair(count, rows, a + (k * columnStride), columnStride, pairs, rows);
            Transpose.Copy((count + 1) / 2, rows, pairs, rows, (float*)(block + k), paddedDepth / 2);
        }
    }

    private static void PackPart(void* arguments, int part, int worker)
    {
        var a = (Arguments*)arguments;
        var firstColumn = part / a->Steps * PackPanels * Panel;
        var endColumn = Math.Min(a->N, firstColumn + (PackPanels * Panel));
        var firstRow = part % a->Steps * PackRows;
        var rows = Math.Min(PackRows, a->K - firstRow);
        for (var column = firstColumn; column < endColumn; column += Panel)
        {
            PackPanel(a, firstRow, rows, column);
        }
    }

    private static void PackAndSumPart<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Arguments*)arguments;
        var column = part * Panel;
        for (var row = 0; row < a->K; row += SummedRows)
        {
            var rows = Math.Min(SummedRows, a->K - row);
            PackPanel(a, row, rows, column);
            ColumnSums.AddRows<T>(rows, Math.Min(Panel, a->N - column), a->B + (row * a->RowStride) + column, a->RowStride, a->Sums + column);
        }
    }

    /// <summary>Some rows of one panel.</summary>
    private static void PackPanel(Arguments* a, int firstRow, int rows, int column)
    {
        var columns = Math.Min(Panel, a->N - column);
        var destination = a->Packed + (column / Panel * PanelLength(a->K)) + ((long)firstRow * Panel / 2);
        if (columns < Panel || rows < BFloat16Parts.Rounded(rows))
        {
            new Span<float>(destination, BFloat16Parts.Rounded(rows) * Panel / 2).Clear();
        }

        var source = a->B + (firstRow * a->RowStride) + (column * a->ColumnStride);
        if (a->RowStride == 1)
        {
            RoundAndTranspose(rows, columns, source, a->ColumnStride, destination);
        }
        else
        {
            Pair(rows, columns, source, a->RowStride, destination, Panel);
        }
    }

    /// <summary>Pairs of rows: destination [rows / 2, stride], each element the two bfloat16 of a column.</summary>
    private static void Pair(int rows, int columns, float* source, long rowStride, float* destination, long stride)
    {
        for (var k = 0; k < rows; k += 2)
        {
            var even = source + (k * rowStride);
            Fetch.Row(even + (RowsAhead * rowStride), columns);
            Fetch.Row(even + ((RowsAhead + 1) * rowStride), columns);
            BFloat16.Interleave(even, k + 1 < rows ? even + rowStride : null, (ushort*)(destination + (k / 2 * stride)), columns);
        }
    }

    /// <summary>The same from columns whose rows are neighbours.</summary>
    private static void RoundAndTranspose(int rows, int columns, float* source, long columnStride, float* destination)
    {
        var pairs = (rows + 1) / 2;
        var rounded = stackalloc float[pairs * columns];
        for (var n = 0; n < columns; n++)
        {
            var column = (ushort*)(rounded + (n * pairs));
            BFloat16.Convert(source + (n * columnStride), column, rows);
            if (rows % 2 != 0)
            {
                column[rows] = 0;
            }
        }

        Transpose.Copy(columns, pairs, rounded, pairs, destination, Panel);
    }
}
