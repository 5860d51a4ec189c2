using Rlhf.Compute.Cpu;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

public sealed class NormalisationTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Layer_norm_and_its_gradients_follow_the_definition(InstructionSet set)
    {
        foreach (var width in (int[])[1, 15, 16, 33, 48])
        {
            const int rows = 3;
            const float epsilon = 1e-5f;
            var (x, gain, bias, dy) = (Check.Random(1, rows * width, 3), Check.Random(2, width), Check.Random(3, width), Check.Random(4, rows * width));
            using var bench = new DeviceBench(set, threads: 2);
            var (bx, bGain, mean, reciprocal, y) = (bench.Put(x), bench.Put(gain), bench.Room(rows), bench.Room(rows), bench.Room(rows * width));
            bench.Device.LayerNormForward(new(bx, bGain, bench.Put(bias), rows, width, epsilon, y, mean, reciprocal));
            Check.Close(PlainOperations.LayerNorm(x, gain, bias, epsilon), bench.Get(y), 2e-6, "y");
            Check.Close([.. x.Chunk(width).Select(row => row.Average())], bench.Get(mean), 1e-6, "mean");

            var (dx, dGain, dBias) = (bench.Put(bias.Take(1).Concat(x.Skip(1))), bench.Put(gain), bench.Put(bias));
            var dxStart = bench.Get(dx);
            bench.Device.LayerNormBackward(new(bx, bGain, mean, reciprocal, bench.Put(dy), rows, width, dx, dGain, dBias));
            double Loss(double[] a, double[] g, double[] b) => PlainOperations.Dot(dy, PlainOperations.LayerNorm(a, g, b, epsilon));
            var tolerance = width == 1 ? 2e-4 : 5e-6; // one column: everything cancels but rounding times 1 / sqrt(epsilon)
            Check.Close([.. Check.Gradient(x, a => Loss(a, gain, bias)).Zip(dxStart, (d, s) => d + s)], bench.Get(dx), tolerance, "dx");
            Check.Close([.. Check.Gradient(gain, g => Loss(x, g, bias)).Zip(gain, (d, s) => d + s)], bench.Get(dGain), 5e-6, "dGain");
            Check.Close([.. Check.Gradient(bias, b => Loss(x, gain, b)).Zip(bias, (d, s) => d + s)], bench.Get(dBias), 5e-6, "dBias");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Root_mean_square_norm_of_groups_leaves_the_rest_of_the_row_alone(InstructionSet set)
    {
        foreach (var (groups, width, rest) in ((int, int, int)[])[(1, 40, 0), (3, 16, 5), (2, 9, 14)])
        {
            const int rows = 4;
            const float epsilon = 1e-6f;
            var stride = (groups * width) + rest;
            var (x, gain, dy) = (Check.Random(1, rows * stride, 2), Check.Random(2, width), Check.Random(3, rows * stride));
            foreach (var inPlace in (bool[])[false, true])
            {
                using var bench = new DeviceBench(set, threads: 2);
                var (bx, bGain, reciprocal) = (bench.Put(x), bench.Put(gain), bench.Room(rows * groups));
                var y = bench.Put(x);
                bench.Device.RmsNormForward(new(inPlace ? y : bx, bGain, rows, groups, width, stride, epsilon, y, reciprocal));
                Check.Close(PlainOperations.RmsNorm(x, gain, groups, stride, epsilon), bench.Get(y), 2e-6, "y");

                var (dyBuffer, dGain) = (bench.Put(dy), bench.Put(gain));
                var dx = inPlace ? dyBuffer : bench.Put(x);
                bench.Device.RmsNormBackward(new(bx, bGain, reciprocal, dyBuffer, rows, groups, width, stride, Accumulate: !inPlace, dx, dGain));

                // The rest of a row is no output of the norm: it keeps what stood there.
                bool InGroup(int i) => i % stride < groups * width;
                double Loss(double[] a, double[] g) => PlainOperations.RmsNorm(a, g, groups, stride, epsilon).Where((_, i) => InGroup(i))
                    .Zip(dy.Where((_, i) => InGroup(i)), (p, q) => p * q).Sum();
                var slope = Check.Gradient(x, a => Loss(a, gain));
                Check.Close([.. slope.Select((d, i) => inPlace ? (InGroup(i) ? d : dy[i]) : x[i] + (InGroup(i) ? d : 0))], bench.Get(dx), 5e-6, "dx");
                Check.Close([.. Check.Gradient(gain, g => Loss(x, g)).Zip(gain, (d, s) => d + s)], bench.Get(dGain), 5e-6, "dGain");
            }
        }
    }
}
