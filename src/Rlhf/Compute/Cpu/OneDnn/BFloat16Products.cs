using System.Runtime.InteropServices;
using Rlhf.Compute.Cpu.Blocks;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Memory;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu.OneDnn;

/// <summary>
/// Products of operands rounded to bfloat16, summed in float32. A part rounds its rows of A and has oneDNN multiply them by one panel of B after the other,
/// each into a small dense
/// tile that is then added to C: oneDNN is fast on dense matrices only, and so knows nothing of C, of what its elements start from and of its edges.
/// </summary>
/// <typeparam name="T">The lanes that tiles are added with.</typeparam>
internal sealed unsafe class BFloat16Products<T> : IMatrixProducts
    where T : unmanaged, ILanes<T>
{
    /// <summary>Columns of an operand in blocks that are rounded to bfloat16 at a time.</summary>
    public const int RoundedColumns = 1024;


    private readonly WorkerPool _pool;
    private readonly Workspace _flat = new(); // of an operand in blocks
    private readonly Workspace _rounded = new();
    private readonly OneDnnProducts[] _products; // one for each worker
    private readonly GCHandle _self; // parts are handed a pointer

    public BFloat16Products(WorkerPool pool, OneDnnLibrary library)
    {
        _pool = pool;
        _products = [.. Enumerable.Range(0, pool.Threads).Select(_ => new OneDnnProducts(library))];
        _self = GCHandle.Alloc(this);
    }

    private struct Arguments
    {
        public int N, K;
        public float* A, C, Bias, Packed;
        public long RowStride, ColumnStride, PanelLength, CRowStride;
        public MatMulStart Start;
        public BFloat16Parts Parts;
        public float** Scratch;
        public GCHandle Products;
    }

    public long HeldBytes => _flat.Bytes + _rounded.Bytes;

    public long PackedLength(long k, long n, WeightStorage storage) =>
        WeightBlocks.AreIn(storage) ? StoredPanels.Length(storage, k, n) : BFloat16Packing.Length(k, n);

    public void Pack(int k, int n, float* b, long rowStride, long columnStride, float* packed, WeightStorage storage)
    {
        if (WeightBlocks.AreIn(storage))
        {
            BlockPacking.Round(_pool, k, n, b, rowStride, columnStride, (byte*)packed, storage);
            return;
        }

        BFloat16Packing.Pack(_pool, k, n, b, rowStride, columnStride, packed);
    }

    public void Unpack(PackedOperand b, int columns, WeightLayout layout, float* weights)
    {
        if (WeightBlocks.AreIn(b.Storage))
        {
            StoredPanels.Unpack(_pool, b.Storage, BlocksOf(b), (int)b.Rows, columns, layout, weights);
            return;
        }

        BFloat16Unpacking.Run(_pool, b, columns, layout, weights);
    }

    public void PackTransposed(PackedOperand b, int columns, float* packed)
    {
        var flat = _flat.AtLeast(b.Rows * columns);
        Unpack(b, columns, WeightLayout.OutputMajor, flat);
        BFloat16Packing.Pack(_pool, columns, (int)b.Rows, flat, b.Rows, 1, packed);
    }

    public void Columns(PackedOperand b, int* numbers, int count, float* y)
    {
        if (WeightBlocks.AreIn(b.Storage))
        {
            StoredPanels.Columns(_pool, b.Storage, (byte*)b.Pointer, (int)b.Rows, numbers, count, y);
            return;
        }

        BFloat16Unpacking.Columns(b, numbers, count, y);
    }

    public void PackAndSum(int k, int n, float* b, long rowStride, float* packed, float* sums) =>
        BFloat16Packing.PackAndSum<T>(_pool, k, n, b, rowStride, packed, sums);

    public void Run(
        int m, int n, int k, float* a, long rowStride, long columnStride, PackedOperand b, float* c, long cRowStride, MatMulStart start, float* bias)
    {
        if (k == 0)
        {
            // Nothing to multiply, and no code for it in oneDNN: the sums are what they start from.
            ClearTo(m, n, start, bias, c, cRowStride);
            return;
        }

        if (WeightBlocks.AreIn(b.Storage))
        {
            RunBlocks(m, n, k, a, rowStride, columnStride, b, c, cRowStride, start, bias);
            return;
        }

        var panelLength = BFloat16Packing.PanelLength(b.Rows);
        var arguments = new Arguments
        {
            N = n,
            K = k,
            A = a,
            C = c,
            Bias = bias,
            Packed = b.Pointer + (b.FirstColumn / OneDnnProduct.Columns * panelLength) + (b.FirstRow * OneDnnProduct.Columns / 2),
            RowStride = rowStride,
            ColumnStride = columnStride,
            PanelLength = panelLength,
            CRowStride = cRowStride,
            Start = start,
            Parts = new BFloat16Parts(m, n, k, _pool.Threads),
            Products = _self,
        };
        arguments.Scratch = _pool.Scratch(TileLength(arguments.Parts) + ((long)arguments.Parts.LargestRows * arguments.Parts.Depth / 2));
        _pool.Run(&RunPart, &arguments, arguments.Parts.Count);
    }

    public void Dispose()
    {
        foreach (var products in _products)
        {
            products.Dispose();
        }

        _self.Free();
        _flat.Dispose();
        _rounded.Dispose();
    }

    /// <summary>Some columns at a time are rounded to bfloat16 before they are multiplied.</summary>
    private void RunBlocks(
        int m, int n, int k, float* a, long rowStride, long columnStride, PackedOperand b, float* c, long cRowStride, MatMulStart start, float* bias)
    {
        for (var column = 0; column < n; column += RoundedColumns)
        {
            var columns = Math.Min(RoundedColumns, n - column);
            var flat = _flat.AtLeast((long)k * columns);
            var rounded = _rounded.AtLeast(BFloat16Packing.Length(k, columns));
            Unpack(b with { FirstColumn = b.FirstColumn + column }, columns, WeightLayout.OutputMajor, flat);
            BFloat16Packing.Pack(_pool, k, columns, flat, 1, k, rounded);
            Run(m, columns, k, a, rowStride, columnStride, new PackedOperand(rounded, k), c + column, cRowStride, start, bias + column);
        }
    }

    private static byte* BlocksOf(PackedOperand b) =>
        (byte*)b.Pointer + (b.FirstColumn / MatMul.MatMul.PanelWidth * StoredPanels.Bytes(b.Storage, b.Rows));

    private static long TileLength(in BFloat16Parts parts) => (long)parts.LargestRows * OneDnnProduct.Columns;

    private static void RunPart(void* arguments, int part, int worker)
    {
        var g = (Arguments*)arguments;
        var products = ((BFloat16Products<T>)g->Products.Target!)._products[worker];
        var (firstRow, endRow) = g->Parts.Rows(part);
        var (firstPanel, endPanel) = g->Parts.Panels(part);
        var rows = endRow - firstRow;
        var padded = BFloat16Parts.Padded(rows);
        var tile = g->Scratch[worker];
        var block = (ushort*)(tile + TileLength(g->Parts));
        for (var step = 0; step < g->Parts.DepthBlocks; step++)
        {
            var first = step * g->Parts.Depth;
            var depth = Math.Min(g->Parts.Depth, g->K - first);
            var paddedDepth = BFloat16Parts.Rounded(depth);
            BFloat16Packing.Block(
                g->A + (firstRow * g->RowStride) + (first * g->ColumnStride), g->RowStride, g->ColumnStride, rows, depth, padded, paddedDepth, block);
            var product = products.Of(padded, paddedDepth);
            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                var column = panel * OneDnnProduct.Columns;
                FetchSums(rows, g->C + (firstRow * g->CRowStride) + column, g->CRowStride);
                product.Execute(block, g->Packed + (panel * g->PanelLength) + ((long)first * OneDnnProduct.Columns / 2), tile);
                Add(tile, rows, Math.Min(OneDnnProduct.Columns, g->N - column), step > 0 ? MatMulStart.Accumulate : g->Start, g->Bias + column,
                    g->C + (firstRow * g->CRowStride) + column, g->CRowStride);
            }
        }
    }

    /// <summary>Has the part of C that a tile will be added to brought near while oneDNN multiplies.</summary>
    private static void FetchSums(int rows, float* c, long cRowStride)
    {
        for (var i = 0; i < rows; i++)
        {
            Fetch.Row(c + (i * cRowStride), OneDnnProduct.Columns);
        }
    }

    private static void ClearTo(int m, int n, MatMulStart start, float* bias, float* c, long cRowStride)
    {
        for (var i = 0; i < m && start != MatMulStart.Accumulate; i++)
        {
            var row = new Span<float>(c + (i * cRowStride), n);
            row.Clear();
            if (start == MatMulStart.Bias)
            {
                new ReadOnlySpan<float>(bias, n).CopyTo(row);
            }
        }
    }

    /// <summary>C = start + tile.</summary>
    private static void Add(float* tile, int rows, int columns, MatMulStart start, float* bias, float* c, long cRowStride)
    {
        for (var i = 0; i < rows; i++, tile += OneDnnProduct.Columns, c += cRowStride)
        {
            for (var n = 0; n < columns; n += ILanes<T>.Count)
            {
                var sum = T.Load(tile + n);
                sum = start switch
                {
                    MatMulStart.Accumulate => VectorMath.LoadFirst<T>(c + n, columns - n) + sum,
                    MatMulStart.Bias => VectorMath.LoadFirst<T>(bias + n, columns - n) + sum,
                    _ => sum,
                };
                VectorMath.StoreFirst(c + n, columns - n, sum);
            }
        }
    }
}
