using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

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
internal static unsafe class MatMul
{
    /// <summary>Columns of a packed panel.</summary>
    public const int PanelWidth = 32;

    /// <summary>Floats that a packed [<paramref name="k"/>, <paramref name="n"/>] operand takes: panels of 32 columns, each [k, 32], the last one filled with zeros.</summary>
    public static long PackedLength(long k, long n) => (n + PanelWidth - 1) / PanelWidth * PanelWidth * k;

    private struct PackArguments
    {
        public int K, N;
        public float* B, Packed;
        public long RowStride, ColumnStride;
    }

    /// <summary>Packs B, whose element (k, n) stands at b[k * rowStride + n * columnStride].</summary>
    public static void Pack(WorkerPool pool, int k, int n, float* b, long rowStride, long columnStride, float* packed)
    {
        var arguments = new PackArguments { K = k, N = n, B = b, Packed = packed, RowStride = rowStride, ColumnStride = columnStride };
        pool.Run(&PackPanel, &arguments, (n + PanelWidth - 1) / PanelWidth);
    }

    private static void PackPanel(void* arguments, int panel, int worker)
    {
        var a = (PackArguments*)arguments;
        var first = panel * PanelWidth;
        var columns = Math.Min(PanelWidth, a->N - first);
        var destination = a->Packed + ((long)first * a->K);
        for (var k = 0; k < a->K; k++, destination += PanelWidth)
        {
            var source = a->B + (k * a->RowStride) + (first * a->ColumnStride);
            for (var j = 0; j < PanelWidth; j++)
            {
                destination[j] = j < columns ? source[j * a->ColumnStride] : 0f;
            }
        }
    }

    private struct RunArguments
    {
        public int M, N, K;
        public float* A, PackedB, C, Bias;
        public long RowStride, ColumnStride, PanelStride, CRowStride;
        public MatMulStart Start;
    }

    /// <summary>
    /// Multiplies. A's element (i, k) stands at a[i * rowStride + k * columnStride]; <paramref name="packedB"/> points at the first panel's first used row and
    /// <paramref name="panelStride"/> floats lie between panels (32 x K of the whole packed operand, so that a range of its rows can be used);
    /// C's element (i, n) stands at c[i * cRowStride + n].
    /// </summary>
    public static void Run<T>(
        WorkerPool pool, int m, int n, int k, float* a, long rowStride, long columnStride, float* packedB, long panelStride, float* c, long cRowStride, MatMulStart start, float* bias)
        where T : unmanaged, ILanes<T>
    {
        var arguments = new RunArguments
        {
            M = m, N = n, K = k, A = a, PackedB = packedB, C = c, Bias = bias, RowStride = rowStride, ColumnStride = columnStride, PanelStride = panelStride, CRowStride = cRowStride, Start = start,
        };
        pool.Run(&RunPanel<T>, &arguments, (n + PanelWidth - 1) / PanelWidth);
    }

    private static void RunPanel<T>(void* arguments, int panel, int worker)
        where T : unmanaged, ILanes<T>
    {
        var g = (RunArguments*)arguments;
        var first = panel * PanelWidth;
        var columns = Math.Min(PanelWidth, g->N - first);
        var b = g->PackedB + (panel * g->PanelStride);
        for (var i = 0; i < g->M; i++)
        {
            var c = g->C + (i * g->CRowStride) + first;
            var (low, high) = g->Start switch
            {
                MatMulStart.Accumulate => (VectorMath.LoadFirst<T>(c, columns), VectorMath.LoadFirst<T>(c + 16, columns - 16)),
                MatMulStart.Bias => (VectorMath.LoadFirst<T>(g->Bias + first, columns), VectorMath.LoadFirst<T>(g->Bias + first + 16, columns - 16)),
                _ => (T.Broadcast(0f), T.Broadcast(0f)),
            };
            for (var k = 0; k < g->K; k++)
            {
                var value = T.Broadcast(g->A[(i * g->RowStride) + (k * g->ColumnStride)]);
                low = T.FusedMultiplyAdd(value, T.Load(b + (k * PanelWidth)), low);
                high = T.FusedMultiplyAdd(value, T.Load(b + (k * PanelWidth) + 16), high);
            }

            VectorMath.StoreFirst(c, columns, low);
            VectorMath.StoreFirst(c + 16, columns - 16, high);
        }
    }
}
