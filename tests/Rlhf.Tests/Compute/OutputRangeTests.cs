using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

/// <summary>Linear layers range by range of their outputs, against the whole layer.</summary>
public sealed class OutputRangeTests
{
    private const int Rows = 21;
    private const int Inputs = 70;
    private const int All = 150;
    private static readonly Outputs[] Ranges = [new(All, 0, 64), new(All, 64, 64), new(All, 128, 22)];

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void A_range_of_the_outputs_has_the_bits_of_the_whole_and_leaves_the_others(InstructionSet set, Precision precision)
    {
        foreach (var (layout, storage) in Enum.GetValues<WeightLayout>().SelectMany(
            layout => Enum.GetValues<WeightStorage>().Select(storage => (layout, storage))))
        {
            using var layer = new Layer(set, precision, layout, storage);
            var whole = layer.Bench.Get(layer.Forward(All, layer.Bench.Room(Rows * All)));
            foreach (var range in Ranges)
            {
                var y = layer.Bench.Get(layer.Forward(range, layer.Bench.Put(new float[Rows * All])));
                Check.SameBits([.. whole.Select((value, i) => Holds(range, i % All) ? value : 0f)], y, $"{layout}, {storage}, {range}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Gradients_of_weights_have_the_bits_of_the_whole_and_others_stay(InstructionSet set, Precision precision)
    {
        foreach (var layout in Enum.GetValues<WeightLayout>())
        {
            using var layer = new Layer(set, precision, layout);
            var (start, biasStart) = (Check.Floats(8, Inputs * All), Check.Floats(9, All));
            (float[] Weights, float[] Bias) Gradients(Outputs outputs)
            {
                var (weights, bias) = (layer.Bench.Put(start), layer.Bench.Put(biasStart));
                layer.Bench.Device.LinearBackwardWeights(new(layer.X, layer.Dy, Rows, Inputs, outputs, layout, weights, bias));
                return (layer.Bench.Get(weights), layer.Bench.Get(bias));
            }

            var whole = Gradients(All);
            foreach (var range in Ranges)
            {
                var part = Gradients(range);
                Check.SameBits(
                    [.. whole.Weights.Select((value, i) => Holds(range, layout == WeightLayout.InputMajor ? i % All : i / Inputs) ? value : start[i])],
                    part.Weights, $"{layout}, {range}");
                Check.SameBits([.. whole.Bias.Select((value, i) => Holds(range, i) ? value : biasStart[i])], part.Bias, $"bias, {range}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Gradients_of_the_input_add_up_to_the_whole(InstructionSet set, Precision precision)
    {
        foreach (var layout in Enum.GetValues<WeightLayout>())
        {
            using var layer = new Layer(set, precision, layout);
            var (whole, parts) = (layer.Bench.Room(Rows * Inputs), layer.Bench.Room(Rows * Inputs));
            layer.Bench.Device.LinearBackwardInput(new(layer.Dy, layer.Transposed, Rows, Inputs, All, Accumulate: false, whole));
            foreach (var range in Ranges)
            {
                layer.Bench.Device.LinearBackwardInput(new(layer.Dy, layer.Transposed, Rows, Inputs, range, Accumulate: range.First > 0, parts));
            }

            if (precision == Precision.F32)
            {
                Check.SameBits(layer.Bench.Get(whole), layer.Bench.Get(parts), "a chain goes on where it was left"); // as MatMul promises
            }
            else
            {
                Check.Close(
                    [.. layer.Bench.Get(whole).Select(value => (double)value)], layer.Bench.Get(parts), 1e-5, $"{layout}"); // oneDNN sums each range by itself
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void A_bias_gradient_is_the_sum_of_the_rows_in_order_in_either_layout(InstructionSet set, Precision precision)
    {
        foreach (var (rows, outputs, threads) in ((int, int, int)[])[(1, 1, 1), (64, 64, 1), (65, 70, 3), (300, 200, 2)])
        {
            var (x, dy, start) = (Check.Floats(1, rows * 3), Check.Floats(2, rows * outputs), Check.Floats(3, outputs));
            var expected = start.ToArray();
            for (var i = 0; i < dy.Length; i++)
            {
                expected[i % outputs] += dy[i];
            }

            foreach (var layout in Enum.GetValues<WeightLayout>())
            {
                using var bench = new DeviceBench(set, threads, precision);
                var bias = bench.Put(start);
                bench.Device.LinearBackwardWeights(new(bench.Put(x), bench.Put(dy), rows, 3, outputs, layout, bench.Zeros(3 * outputs), bias));
                Check.SameBits(expected, bench.Get(bias), $"{rows} rows, {outputs} outputs, {layout}");
            }
        }
    }

    [Fact]
    public void Ranges_that_are_no_whole_steps_are_refused()
    {
        using var layer = new Layer(CpuDevice.Available[0], Precision.F32, WeightLayout.InputMajor);
        var y = layer.Bench.Room(Rows * All);
        foreach (var range in (Outputs[])[new(All, 32, 64), new(All, 0, 32), new(All, 64, 100), new(All, -64, 64), new(All, 64, -64),
            new(All, 64, int.MaxValue)])
        {
            Assert.Throws<ArgumentException>(() => layer.Forward(range, y));
        }
    }

    private static bool Holds(Outputs range, int column) => column >= range.First && column < range.First + range.Count;

    private sealed class Layer : IDisposable
    {
        private readonly PackedMatrix _packed;
        private readonly FloatBuffer _bias;

        public Layer(InstructionSet set, Precision precision, WeightLayout layout, WeightStorage storage = WeightStorage.F32)
        {
            Bench = new DeviceBench(set, threads: 2, precision);
            var weights = Bench.Put(Check.Floats(1, Inputs * All));
            _packed = new PackedMatrix(Bench.Room(Bench.Device.PackedLength(Inputs, All, storage)), storage);
            Bench.Device.PackWeights(new(weights, layout, Inputs, All, _packed));
            Transposed = Bench.Room(Bench.Device.PackedLength(All, Inputs));
            Bench.Device.PackWeightsTransposed(new(weights, layout, Inputs, All, Transposed));
            (_bias, X, Dy) = (Bench.Put(Check.Floats(2, All)), Bench.Put(Check.Floats(3, Rows * Inputs)), Bench.Put(Check.Floats(4, Rows * All)));
        }

        public DeviceBench Bench { get; }

        public FloatBuffer X { get; }

        public FloatBuffer Dy { get; }

        public FloatBuffer Transposed { get; }

        public FloatBuffer Forward(Outputs outputs, FloatBuffer y)
        {
            Bench.Device.LinearForward(new(X, _packed, _bias, Rows, Inputs, outputs, y));
            return y;
        }

        public void Dispose() => Bench.Dispose();
    }
}
