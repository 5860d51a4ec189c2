using FsCheck;
using FsCheck.Fluent;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

public sealed class MatMulTests
{
    internal sealed record Shape(int M, int N, int K, bool ATransposed, bool BTransposed, int Gap, MatMulStart Start);

    private static readonly Gen<Shape> Shapes =
        from m in Gen.Choose(0, 70)
        from n in Gen.Choose(0, 70)
        from k in Gen.Choose(0, 70)
        from aTransposed in Gen.Elements(false, true)
        from bTransposed in Gen.Elements(false, true)
        from gap in Gen.Elements(0, 0, 1, 7)
        from start in Gen.Elements(MatMulStart.Zero, MatMulStart.Accumulate, MatMulStart.Bias)
        select new Shape(m, n, k, aTransposed, bTransposed, gap, start);

    [Fact]
    public void Every_element_is_one_chain_of_fused_multiply_adds() =>
        Prop.ForAll(Shapes.ToArbitrary(), shape => Verify(shape)).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    [Theory]
    [InlineData(5, 40, 0)] // nothing to add
    [InlineData(1, 40, 4200)] // three steps of depth of a single tile
    [InlineData(13, 40, 1100)] // three of several
    [InlineData(25, 70, 520)]
    [InlineData(600, 33, 20)] // several blocks of rows
    [InlineData(13, 1000, 64)] // several groups of panels
    [InlineData(299, 300, 11)]
    public void Blocks_and_parts_do_not_show_in_the_bits(int m, int n, int k)
    {
        foreach (var start in Enum.GetValues<MatMulStart>())
        {
            Verify(new Shape(m, n, k, ATransposed: false, BTransposed: start == MatMulStart.Bias, Gap: 3, start));
            Verify(new Shape(m, n, k, ATransposed: true, BTransposed: start == MatMulStart.Zero, Gap: 0, start));
        }
    }

    [Fact]
    public void Any_number_of_rows_may_be_left_of_a_tile()
    {
        foreach (var m in Enumerable.Range(1, 25))
        {
            Verify(new Shape(m, N: 45, K: 7, ATransposed: false, BTransposed: false, Gap: 0, MatMulStart.Bias));
            Verify(new Shape(m, N: 45, K: 8, ATransposed: false, BTransposed: false, Gap: 1, MatMulStart.Accumulate));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public unsafe void A_sum_continued_by_a_second_call_equals_one_longer_sum(InstructionSet set)
    {
        const int m = 14, n = 45, k = 90, split = 37;
        using var bench = new DeviceBench(set);
        using var pool = new WorkerPool(1);
        var a = bench.Put(Check.Floats(1, m * k));
        var packed = bench.Room(MatMul.PackedLength(k, n));
        Packing.Panels(pool, k, n, bench.Put(Check.Floats(2, k * n)).Pointer, n, 1, packed.Pointer);
        var (whole, parts) = (bench.Room(m * n), bench.Room(m * n));
        var panel = k * MatMul.PanelWidth;
        Run(set, pool, m, n, k, a.Pointer, k, 1, packed.Pointer, panel, whole.Pointer, n, MatMulStart.Zero, null);

        // The second call reads a range of the packed rows: the same panels, from a later row on.
        Run(set, pool, m, n, split, a.Pointer, k, 1, packed.Pointer, panel, parts.Pointer, n, MatMulStart.Zero, null);
        Run(set, pool, m, n, k - split, a.Pointer + split, k, 1, packed.Pointer + (split * MatMul.PanelWidth), panel, parts.Pointer, n,
            MatMulStart.Accumulate, null);

        Check.SameBits(bench.Get(whole), bench.Get(parts));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public unsafe void Chunks_of_columns_equal_the_whole(InstructionSet set)
    {
        const int m = 9, n = 150, k = 33, chunk = 64;
        using var bench = new DeviceBench(set);
        using var pool = new WorkerPool(2);
        var a = bench.Put(Check.Floats(3, m * k));
        var packed = bench.Room(MatMul.PackedLength(k, n));
        Packing.Panels(pool, k, n, bench.Put(Check.Floats(4, k * n)).Pointer, 1, k, packed.Pointer);
        var (whole, parts) = (bench.Room(m * n), bench.Room(m * n));
        Run(set, pool, m, n, k, a.Pointer, k, 1, packed.Pointer, k * MatMul.PanelWidth, whole.Pointer, n, MatMulStart.Zero, null);
        for (var column = 0; column < n; column += chunk)
        {
            Run(
                set, pool, m, Math.Min(chunk, n - column), k, a.Pointer, k, 1, packed.Pointer + (column * k), k * MatMul.PanelWidth, parts.Pointer + column, n,
                MatMulStart.Zero, null);
        }

        Check.SameBits(bench.Get(whole), bench.Get(parts));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_linear_layer_and_its_gradients_are_the_products_of_the_definition(InstructionSet set)
    {
        const int rows = 11, inputs = 37, outputs = 50;
        var (x, w, bias, dy) = (Check.Floats(5, rows * inputs), Check.Floats(6, inputs * outputs), Check.Floats(7, outputs), Check.Floats(8, rows * outputs));
        var fused = DeviceBench.IsFused(set);
        foreach (var layout in Enum.GetValues<WeightLayout>())
        {
            float W(int i, int o) => layout == WeightLayout.InputMajor ? w[(i * outputs) + o] : w[(o * inputs) + i];
            using var bench = new DeviceBench(set, threads: 2);
            var device = bench.Device;
            var (bx, bw, bdy) = (bench.Put(x), bench.Put(w), bench.Put(dy));
            var (packed, transposed) = (bench.Room(device.PackedLength(inputs, outputs)), bench.Room(device.PackedLength(outputs, inputs)));
            device.PackWeights(new(bw, layout, inputs, outputs, packed));
            device.PackWeightsTransposed(new(bw, layout, inputs, outputs, transposed));

            var y = bench.Room(rows * outputs);
            device.LinearForward(new(bx, packed, bench.Put(bias), rows, inputs, outputs, y));
            Check.SameBits(PlainOperations.Product(rows, outputs, inputs, (i, p) => x[(i * inputs) + p], W, (_, j) => bias[j], fused), bench.Get(y), "y");

            var dx = bench.Put(x);
            device.LinearBackwardInput(new(bdy, transposed, rows, inputs, outputs, Accumulate: true, dx));
            Check.SameBits(
                PlainOperations.Product(rows, inputs, outputs, (i, p) => dy[(i * outputs) + p], (p, j) => W(j, p), (i, j) => x[(i * inputs) + j], fused),
                bench.Get(dx), "dx");

            var (dw, dBias) = (bench.Put(w), bench.Put(bias));
            device.LinearBackwardWeights(new(bx, bdy, rows, inputs, outputs, layout, dw, dBias));
            var dwExpected = layout == WeightLayout.InputMajor
                ? PlainOperations.Product(
                    inputs, outputs, rows, (i, p) => x[(p * inputs) + i], (p, j) => dy[(p * outputs) + j], (i, j) => w[(i * outputs) + j], fused)
                : PlainOperations.Product(
                    outputs, inputs, rows, (i, p) => dy[(p * outputs) + i], (p, j) => x[(p * inputs) + j], (i, j) => w[(i * inputs) + j], fused);
            Check.SameBits(dwExpected, bench.Get(dw), "dW");
            Check.Close([.. bias.Select((b, o) => b + Enumerable.Range(0, rows).Sum(r => (double)dy[(r * outputs) + o]))], bench.Get(dBias), 1e-5, "dBias");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_row_has_the_same_bits_in_any_batch(InstructionSet set)
    {
        const int inputs = 70, outputs = 90;
        var x = Check.Floats(9, 30 * inputs);
        using var bench = new DeviceBench(set);
        var packed = bench.Room(bench.Device.PackedLength(inputs, outputs));
        bench.Device.PackWeights(new(bench.Put(Check.Floats(10, inputs * outputs)), WeightLayout.InputMajor, inputs, outputs, packed));
        float[] LastRow(int rows)
        {
            var y = bench.Room(rows * outputs);
            bench.Device.LinearForward(new(bench.Put(x[^(rows * inputs)..]), packed, default, rows, inputs, outputs, y));
            return bench.Get(y)[^outputs..];
        }

        var alone = LastRow(1);
        Assert.All(Enumerable.Range(2, 28), rows => Check.SameBits(alone, LastRow(rows), $"{rows} rows"));
    }

    /// <summary>Compares with the chain, at every instruction set and for 1, 2 and 7 threads.</summary>
    private static unsafe void Verify(Shape s)
    {
        var (aRow, aColumn) = s.ATransposed ? (1L, (long)s.M + s.Gap) : (s.K + s.Gap, 1L);
        var (bRow, bColumn) = s.BTransposed ? (1L, (long)s.K) : (s.N, 1L);
        var a = Check.Floats(s.M, (s.M + s.Gap) * (s.K + s.Gap));
        var b = Check.Floats(s.N + 100, s.N * s.K);
        var bias = Check.Floats(s.K, s.N);
        var cStride = s.N + s.Gap;
        var c = Check.Floats(7, s.M * cStride);
        foreach (var fused in CpuDevice.Available.Select(DeviceBench.IsFused).Distinct().ToArray())
        {
            var expected = (float[])c.Clone();
            var product = PlainOperations.Product(
                s.M, s.N, s.K, (i, p) => a[(i * aRow) + (p * aColumn)], (p, j) => b[(p * bRow) + (j * bColumn)],
                (i, j) => s.Start switch { MatMulStart.Accumulate => c[(i * cStride) + j], MatMulStart.Bias => bias[j], _ => 0f }, fused);
            for (var i = 0; i < s.M; i++)
            {
                product.AsSpan(i * s.N, s.N).CopyTo(expected.AsSpan(i * cStride));
            }

            foreach (var set in CpuDevice.Available.Where(set => DeviceBench.IsFused(set) == fused))
            {
                using var bench = new DeviceBench(set);
                var packed = bench.Room(MatMul.PackedLength(s.K, s.N));
                foreach (var threads in (int[])[1, 2, 7])
                {
                    using var pool = new WorkerPool(threads);
                    var destination = bench.Put(c);
                    Packing.Panels(pool, s.K, s.N, bench.Put(b).Pointer, bRow, bColumn, packed.Pointer);
                    Run(
                        set, pool, s.M, s.N, s.K, bench.Put(a).Pointer, aRow, aColumn, packed.Pointer, (long)s.K * MatMul.PanelWidth, destination.Pointer,
                        cStride, s.Start,
                        bench.Put(bias).Pointer);
                    Check.SameBits(expected, bench.Get(destination), $"{s}, {set}, {threads} threads:");
                }
            }
        }
    }

    private static unsafe void Run(
        InstructionSet set, WorkerPool pool, int m, int n, int k, float* a, long rowStride, long columnStride, float* b, long panelStride, float* c,
        long cStride, MatMulStart start, float* bias)
    {
        delegate*<WorkerPool, int, int, int, float*, long, long, byte*, WeightStorage, long, float*, long, MatMulStart, float*, void> run = set switch
        {
            InstructionSet.Avx512 => &MatMul.Run<MatMulTile512>,
            InstructionSet.Avx2 => &MatMul.Run<MatMulTile256>,
            InstructionSet.Vector128 => &MatMul.Run<MatMulTile128>,
            _ => &MatMul.Run<MatMulTileScalar>,
        };
        run(pool, m, n, k, a, rowStride, columnStride, (byte*)b, WeightStorage.F32, panelStride * sizeof(float), c, cStride, start, bias);
    }
}
