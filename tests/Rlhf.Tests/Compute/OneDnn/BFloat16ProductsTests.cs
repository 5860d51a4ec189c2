using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Tests.Compute.OneDnn;

/// <summary>Products through oneDNN against float64 products of the rounded operands.</summary>
public sealed class BFloat16ProductsTests
{
    /// <summary>
    /// A float32 sum of K exact products (two bfloat16 make 16 bits) errs by at most K units of rounding of the sum of their magnitudes, in any order; one more
    /// for the start.
    /// </summary>
    private static void Near(
        Func<int, int, double> left, Func<int, int, double> right, Func<int, int, double> start, int m, int n, int k, float[] actual, string what)
    {
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var (sum, magnitude) = (start(i, j), Math.Abs(start(i, j)));
                for (var p = 0; p < k; p++)
                {
                    var product = left(i, p) * right(p, j);
                    (sum, magnitude) = (sum + product, magnitude + Math.Abs(product));
                }

                var bound = (k + 1) * magnitude / (1 << 24);
                Assert.True(Math.Abs(actual[(i * n) + j] - sum) <= bound,
                    $"{what} ({i}, {j}) of {m} x {n}, K = {k}: expected {sum:R} within {bound:R}, got {actual[(i * n) + j]:R}");
            }
        }
    }

    private static double[] Rounded(float[] values) => [.. values.Select(value => (double)BFloat16.Widen(BFloat16.Round(value)))];

    [OneDnnTheory]
    [InlineData(1, 1, 1)]
    [InlineData(7, 37, 50)]
    [InlineData(11, 128, 64)]
    [InlineData(33, 65, 200)]
    [InlineData(150, 96, 130)] // two blocks of rows
    [InlineData(3, 2100, 70)] // two steps of depth
    public void A_linear_layer_and_its_gradients_are_the_products_of_the_rounded_operands(int rows, int inputs, int outputs)
    {
        var (x, w, bias, dy) = (Check.Floats(5, rows * inputs), Check.Floats(6, inputs * outputs), Check.Floats(7, outputs), Check.Floats(8, rows * outputs));
        var (rx, rw, rdy) = (Rounded(x), Rounded(w), Rounded(dy));
        foreach (var layout in Enum.GetValues<WeightLayout>())
        {
            double W(int i, int o) => layout == WeightLayout.InputMajor ? rw[(i * outputs) + o] : rw[(o * inputs) + i];
            using var bench = new DeviceBench(CpuDevice.Available[0], threads: 2, Precision.Bf16);
            var device = bench.Device;
            var (bx, bw, bdy) = (bench.Put(x), bench.Put(w), bench.Put(dy));
            var (packed, transposed) = (bench.Room(device.PackedLength(inputs, outputs)), bench.Room(device.PackedLength(outputs, inputs)));
            device.PackWeights(new(bw, layout, inputs, outputs, packed));
            device.PackWeightsTransposed(new(bw, layout, inputs, outputs, transposed));

            var y = bench.Room(rows * outputs);
            device.LinearForward(new(bx, packed, bench.Put(bias), rows, inputs, outputs, y));
            Near((i, p) => rx[(i * inputs) + p], W, (_, j) => bias[j], rows, outputs, inputs, bench.Get(y), "y");

            var dx = bench.Room(rows * inputs);
            device.LinearBackwardInput(new(bdy, transposed, rows, inputs, outputs, Accumulate: false, dx));
            Near((i, p) => rdy[(i * outputs) + p], (p, j) => W(j, p), (_, _) => 0, rows, inputs, outputs, bench.Get(dx), "dx");

            var dw = bench.Put(w);
            device.LinearBackwardWeights(new(bx, bdy, rows, inputs, outputs, layout, dw, bench.Put(bias)));
            if (layout == WeightLayout.InputMajor)
            {
                Near((i, p) => rx[(p * inputs) + i], (p, j) => rdy[(p * outputs) + j], (i, j) => w[(i * outputs) + j], inputs, outputs, rows,
                    bench.Get(dw), "dW");
            }
            else
            {
                Near((i, p) => rdy[(p * outputs) + i], (p, j) => rx[(p * inputs) + j], (i, j) => w[(i * inputs) + j], outputs, inputs, rows,
                    bench.Get(dw), "dW");
            }
        }
    }

    [OneDnnFact]
    public void A_row_has_the_same_bits_in_any_batch_and_any_number_of_threads_gives_them()
    {
        const int inputs = 768, outputs = 300, most = 300;
        var x = Check.Floats(9, most * inputs);
        var w = Check.Floats(10, inputs * outputs);
        float[] LastRow(int rows, int threads)
        {
            using var bench = new DeviceBench(CpuDevice.Available[0], threads, Precision.Bf16);
            var packed = bench.Room(bench.Device.PackedLength(inputs, outputs));
            bench.Device.PackWeights(new(bench.Put(w), WeightLayout.InputMajor, inputs, outputs, packed));
            var y = bench.Room(rows * outputs);
            bench.Device.LinearForward(new(bench.Put(x[^(rows * inputs)..]), packed, default, rows, inputs, outputs, y));
            return bench.Get(y)[^outputs..];
        }

        var alone = LastRow(1, 1);
        Assert.All(new[] { 2, 3, 5, 8, 9, 16, 17, 31, 64, 100, 128, 129, 300 },
            rows => Check.SameBits(alone, LastRow(rows, threads: 1 + (rows % 3)), $"{rows} rows"));
    }

    [OneDnnFact]
    public void What_is_not_a_number_stays_in_sight()
    {
        using var bench = new DeviceBench(CpuDevice.Available[0], threads: 1, Precision.Bf16);
        var packed = bench.Room(bench.Device.PackedLength(40, 70));
        bench.Device.PackWeights(new(bench.Put(Check.Floats(11, 40 * 70)), WeightLayout.InputMajor, 40, 70, packed));
        var x = Check.Floats(12, 3 * 40);
        x[40 + 7] = float.NaN;
        var y = bench.Room(3 * 70);
        bench.Device.LinearForward(new(bench.Put(x), packed, default, 3, 40, 70, y));
        Assert.All(bench.Get(y)[70..140], value => Assert.True(float.IsNaN(value)));
        Assert.All(bench.Get(y)[..70], value => Assert.True(float.IsFinite(value)));
    }

    [OneDnnFact]
    public void A_steady_call_allocates_nothing_on_the_managed_heap()
    {
        using var bench = new DeviceBench(CpuDevice.Available[0], threads: 2, Precision.Bf16);
        var (x, w, y) = (bench.Put(Check.Floats(13, 200 * 96)), bench.Put(Check.Floats(14, 96 * 130)), bench.Room(200 * 130));
        var packed = bench.Room(bench.Device.PackedLength(96, 130));
        void Round()
        {
            bench.Device.PackWeights(new(w, WeightLayout.InputMajor, 96, 130, packed));
            bench.Device.LinearForward(new(x, packed, default, 200, 96, 130, y));
            bench.Device.LinearBackwardWeights(new(x, y, 200, 96, 130, WeightLayout.InputMajor, w, default));
        }

        // Either worker must have met every shape: which part it takes is chance.
        for (var i = 0; i < 50; i++)
        {
            Round();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
        {
            Round();
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2048); // a shape met for the first time by this worker
    }
}
