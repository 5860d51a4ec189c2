using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.MatMul;

/// <summary>What an output element starts from before the products are added.</summary>
internal enum MatMulStart
{
    /// <summary>Zero.</summary>
    Zero,

    /// <summary>What stands there already.</summary>
    Accumulate,

    /// <summary>The bias of its column.</summary>
    Bias,
}

/// <summary>
/// C[M, N] = start + A[M, K] B[K, N] in float32. Each output element is one chain of fused multiply-adds over k = 0, 1, ... K-1 from its start, whatever
/// the shapes, the tiles and the threads: an element's bits depend on its row of A and its column of B alone, and a sum that is
/// continued by a second call (<see cref="MatMulStart.Accumulate"/>) equals the sum of one longer call.
/// </summary>
/// <remarks>
/// The arrangement is that of Goto and van de Geijn (2008): B stands packed in panels of 32 columns; a part packs its block of A into tiles of a few rows for
/// one step of K after the
/// other and multiplies it by each of its panels, tile by tile in registers (<see cref="IMatMulTile"/>). Between steps the sums rest in C, so their chains go
/// on unbroken.
/// </remarks>
internal static unsafe class MatMul
{
    /// <summary>Columns of a packed panel.</summary>
    public const int PanelWidth = 32;

    /// <summary>Floats that a packed [<paramref name="k"/>, <paramref name="n"/>] operand takes: panels of 32 columns, each [k, 32], the last one filled with
    /// zeros.</summary>
    public static long PackedLength(long k, long n) => StoredPanels.Length(WeightStorage.F32, k, n);

    private struct RunArguments
    {
        public int M, N, K;
        public float* A, C, Bias;
        public byte* PackedB;
        public long RowStride, ColumnStride, PanelBytes, CRowStride;
        public WeightStorage Storage;
        public MatMulStart Start;
        public MatMulParts Parts;
        public float** Scratch;
    }

    /// <summary>
    /// Multiplies. A's element (i, k) stands at a[i * rowStride + k * columnStride]; <paramref name="packedB"/> points at the first panel's first used row and
    /// panels lie <paramref name="panelBytes"/> apart (those of the whole packed operand, so that a range of its rows can be used);
    /// C's element (i, n) stands at c[i * cRowStride + n].
    /// </summary>
    public static void Run<TTile>(
        WorkerPool pool, int m, int n, int k, float* a, long rowStride, long columnStride, byte* packedB, WeightStorage storage, long panelBytes, float* c,
        long cRowStride, MatMulStart start, float* bias)
        where TTile : IMatMulTile
    {
        var parts = new MatMulParts(m, n, k, TTile.Rows, pool.Threads);
        var arguments = new RunArguments
        {
            M = m,
            N = n,
            K = k,
            A = a,
            PackedB = packedB,
            C = c,
            Bias = bias,
            RowStride = rowStride,
            ColumnStride = columnStride,
            PanelBytes = panelBytes,
            CRowStride = cRowStride,
            Storage = storage,
            Start = start,
            Parts = parts,
        };
        arguments.Scratch = pool.Scratch(parts.ScratchLength + WidenedLength(&arguments));
        pool.Run(&RunPart<TTile>, &arguments, parts.Count);
    }

    private static void RunPart<TTile>(void* arguments, int part, int worker)
        where TTile : IMatMulTile
    {
        var g = (RunArguments*)arguments;
        var (firstRow, endRow) = g->Parts.Rows(part);
        var (firstPanel, endPanel) = g->Parts.Panels(part);
        var widened = g->Scratch[worker];
        var block = widened + WidenedLength(g);
        for (var step = 0; step < g->Parts.DepthBlocks; step++)
        {
            var first = step * g->Parts.Depth;
            var depth = Math.Min(g->Parts.Depth, g->K - first);
            Packing.Tiles(
                endRow - firstRow, depth, g->A + (firstRow * g->RowStride) + (first * g->ColumnStride), g->RowStride, g->ColumnStride, TTile.Rows, block);
            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                MultiplyPanel<TTile>(g, panel, firstRow, endRow, first, depth, block, widened);
            }
        }
    }

    /// <summary>One step of K of a block of rows times one panel.</summary>
    private static void MultiplyPanel<TTile>(RunArguments* g, int panel, int firstRow, int endRow, int first, int depth, float* block, float* widened)
        where TTile : IMatMulTile
    {
        var firstColumn = panel * PanelWidth;
        var columns = Math.Min(PanelWidth, g->N - firstColumn);
        var stored = Stored(g, panel, first);
        var isRead = !WeightBlocks.AreIn(g->Storage) || endRow - firstRow > TTile.BlockRows;
        var b = isRead ? StoredPanels.Read(g->Storage, stored, depth, widened) : null;
        var start = first > 0 ? MatMulStart.Accumulate : g->Start;
        var startRow = stackalloc float[PanelWidth]; // zeros, or the bias
        if (start == MatMulStart.Bias)
        {
            Copy(g->Bias + firstColumn, startRow, columns);
        }

        var ahead = Stored(g, panel + 1, first);
        var aheadOfRow = StoredPanels.Bytes(g->Storage, depth) / (endRow - firstRow);
        var edge = stackalloc float[columns < PanelWidth ? TTile.Rows * PanelWidth : 0];
        for (var row = firstRow; row < endRow; row += TTile.Rows)
        {
            var rows = Math.Min(TTile.Rows, endRow - row);
            var a = block + ((long)(row - firstRow) * depth);
            var c = g->C + (row * g->CRowStride) + firstColumn;
            var tile = c;
            var stride = g->CRowStride;
            if (columns < PanelWidth)
            {
                // The last panel may be narrower than a tile: work on a copy, so that nothing beyond C is touched.
                tile = edge;
                stride = PanelWidth;
                CopyRows(start == MatMulStart.Accumulate ? rows : 0, columns, c, g->CRowStride, edge, PanelWidth);
            }

            var fromStart = start != MatMulStart.Accumulate;
            var from = fromStart ? startRow : tile;
            var fromStride = fromStart ? 0 : stride;
            if (isRead)
            {
                TTile.Multiply(rows, depth, a, b, new MatMulAhead(ahead + ((row - firstRow) * aheadOfRow), rows * aheadOfRow), from, fromStride, tile, stride);
            }
            else
            {
                TTile.MultiplyBlocks(g->Storage, rows, depth, a, stored, from, fromStride, tile, stride);
            }

            CopyRows(columns < PanelWidth ? rows : 0, columns, edge, PanelWidth, c, g->CRowStride);
        }
    }

    /// <summary>Floats in which a part makes one step of a panel float32 again, if it is stored otherwise.</summary>
    private static long WidenedLength(RunArguments* g) => g->Storage == WeightStorage.F32 ? 0 : (long)g->Parts.Depth * PanelWidth;

    private static byte* Stored(RunArguments* g, int panel, int row) => g->PackedB + (panel * g->PanelBytes) + StoredPanels.Bytes(g->Storage, row);

    private static void CopyRows(int rows, int columns, float* source, long sourceStride, float* destination, long destinationStride)
    {
        for (var i = 0; i < rows; i++)
        {
            Copy(source + (i * sourceStride), destination + (i * destinationStride), columns);
        }
    }

    private static void Copy(float* source, float* destination, int count) =>
        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
}
