using Rlhf.Compute.Cpu;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

/// <summary>The activations, caps, biases and rotations that only some families have.</summary>
public sealed class FamilyKernelTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Exact_gelu_relu_and_their_gradients_follow_the_definitions_at_every_length(InstructionSet set)
    {
        using var bench = new DeviceBench(set, threads: 2);
        for (var length = 1; length <= 35; length += 2)
        {
            var (x, dy) = (Check.Random(length, length, 6), Check.Random(length + 100, length));
            var (bx, y, dx) = (bench.Put(x), bench.Room(length), bench.Put(dy));
            bench.Device.GeluForward(new(bx, y, Exact: true));
            Check.Close([.. x.Select(PlainOperations.ExactGelu)], bench.Get(y), 1e-6, "exact gelu");
            bench.Device.GeluBackward(new(bx, dx, dx, Exact: true));
            Check.Close(Check.Gradient(x, a => PlainOperations.Dot(dy, [.. a.Select(PlainOperations.ExactGelu)])), bench.Get(dx), 2e-6, "exact gelu, dx");

            bench.Device.ReluForward(new(bx, y));
            Check.Close([.. x.Select(v => Math.Max(v, 0))], bench.Get(y), 0, "relu");
            bench.Device.ReluBackward(new(bx, bench.Put(dy), y));
            Check.Close([.. x.Zip(dy, (v, d) => v > 0 ? d : 0)], bench.Get(y), 1e-7, "relu, dx");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Far_from_zero_they_are_finite_and_keep_what_is_not_a_number(InstructionSet set)
    {
        using var bench = new DeviceBench(set);
        var (x, y) = (bench.Put(1e4f, -1e4f, 50f, -50f, float.NaN), bench.Room(5));
        bench.Device.GeluForward(new(x, y, Exact: true));
        Assert.Equal([1e4f, 0f, 50f, 0f], bench.Get(y)[..4].Select(v => v + 0f));
        Assert.True(float.IsNaN(bench.Get(y)[4]));
        bench.Device.ReluForward(new(x, y));
        Assert.Equal([1e4f, 0f, 50f, 0f], bench.Get(y)[..4]);
        Assert.True(float.IsNaN(bench.Get(y)[4]));
    }

    // Far on the left x Phi(x) is small: its relative error counts where the sum of many would not show it.
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Exact_gelu_is_right_to_six_digits_where_it_is_small(InstructionSet set)
    {
        using var bench = new DeviceBench(set);
        var y = bench.Room(3);
        bench.Device.GeluForward(new(bench.Put(-2f, -4f, -6f), y, Exact: true));
        double[] expected = [-0.04550026389635842, -1.2668496733247e-4, -5.919526470e-9];
        Assert.All(expected.Zip(bench.Get(y)), pair => Assert.InRange(pair.Second / pair.First, 1 - 2e-6, 1 + 2e-6));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Geglu_and_its_gradient_follow_the_definition(InstructionSet set)
    {
        const int rows = 3;
        foreach (var width in (int[])[1, 16, 21])
        {
            var (gateUp, dy) = (Check.Random(1, rows * 2 * width, 5), Check.Random(2, rows * width));
            using var bench = new DeviceBench(set, threads: 2);
            var (x, y, dx) = (bench.Put(gateUp), bench.Room(rows * width), bench.Room(rows * 2 * width));
            bench.Device.GeGluForward(new(x, rows, width, y));
            Check.Close(PlainOperations.GeGlu(gateUp, width), bench.Get(y), 2e-6, "y");
            bench.Device.GeGluBackward(new(x, bench.Put(dy), rows, width, dx));
            Check.Close(Check.Gradient(gateUp, a => PlainOperations.Dot(dy, PlainOperations.GeGlu(a, width))), bench.Get(dx), 5e-6, "dx");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_soft_cap_and_a_scale_follow_their_definitions(InstructionSet set)
    {
        double[] x = [.. Check.Random(1, 70, 90), 1e-6, -1e-6, 0.01, 1e6, -1e6];
        using var bench = new DeviceBench(set, threads: 2);
        var capped = bench.Put(x);
        bench.Device.SoftCap(capped, 30);
        Assert.All(x.Zip(bench.Get(capped)), pair => Assert.Equal(
            PlainOperations.SoftCap((float)pair.First, 30), pair.Second, Math.Max(1e-12, 1e-6 * Math.Abs(PlainOperations.SoftCap(pair.First, 30)))));
        var scaled = bench.Put(x);
        bench.Device.Scale(scaled, 1.5f);
        Check.Close([.. x.Select(v => 1.5 * (float)v)], bench.Get(scaled), 1e-6);
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_language_head_with_a_bias_and_a_cap_is_a_softmax_and_its_gradients_are_its_slopes(InstructionSet set)
    {
        const int rows = 3, width = 6, vocabulary = 1100;
        const float cap = 1.5f, inverseTemperature = 1.25f;
        var (hidden, head, bias) = (Check.Random(1, rows * width, 2), Check.Random(2, vocabulary * width), Check.Random(3, vocabulary));
        int[] targets = [0, 1050, 17];
        var (dLog, dEntropy) = (Check.Random(4, rows), Check.Random(5, rows));
        (double Log, double Entropy)[] Plain(double[] h, double[] w, double[] b) =>
            [.. h.Chunk(width).Select((row, r) =>
            {
                var logits = w.Chunk(width).Select((weights, v) => PlainOperations.SoftCap(PlainOperations.Dot(row, weights) + b[v], cap) * inverseTemperature);
                var p = PlainOperations.Softmax([.. logits]);
                return (Math.Log(p[targets[r]]), -p.Sum(q => q * Math.Log(q)));
            })];
        double Loss(double[] h, double[] w, double[] b) => Plain(h, w, b).Select((e, r) => (e.Log * dLog[r]) + (e.Entropy * dEntropy[r])).Sum();

        using var bench = new DeviceBench(set, threads: 2);
        var device = bench.Device;
        var (packed, h, w, b) = (bench.Room(device.PackedLength(width, vocabulary)), bench.Put(hidden), bench.Put(head), bench.Put(bias));
        device.PackWeights(new(w, Rlhf.Compute.Operations.WeightLayout.OutputMajor, width, vocabulary, packed));
        foreach (var kept in (bool[])[false, true])
        {
            var (logs, entropies, sums) = (bench.Room(rows), bench.Room(rows), bench.Room(rows));
            var logits = kept ? bench.Room(rows * vocabulary) : default;
            device.LanguageHeadForward(
                new(h, packed, bench.Put(targets), rows, width, vocabulary, inverseTemperature, logs, entropies, sums, logits, b, cap));
            var expected = Plain(hidden, head, bias);
            Check.Close([.. expected.Select(e => e.Log)], bench.Get(logs), 3e-6, "log-probability");
            Check.Close([.. expected.Select(e => e.Entropy)], bench.Get(entropies), 5e-6, "entropy");

            var (dHidden, dWeights, dBias) = (bench.Room(hidden.Length), bench.Zeros(head.Length), bench.Zeros(vocabulary));
            device.LanguageHeadBackward(new(
                h, packed, w, bench.Put(targets), rows, width, vocabulary, inverseTemperature, entropies, sums, logits, bench.Put(dLog), bench.Put(dEntropy),
                dHidden, dWeights, b, cap, dBias));
            Check.Close(Check.Gradient(hidden, x => Loss(x, head, bias)), bench.Get(dHidden), 1e-5, "dHidden");
            int[] some = [0, 1, 100, 6300, 6305, 6599];
            Check.Close(Check.Gradient(head, x => Loss(hidden, x, bias), some), [.. some.Select(i => bench.Get(dWeights)[i])], 1e-5, "dWeights");
            int[] places = [0, 17, 18, 1050, 1099];
            Check.Close(Check.Gradient(bias, x => Loss(hidden, head, x), places), [.. places.Select(i => bench.Get(dBias)[i])], 1e-5, "dBias");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Rotation_turns_a_part_of_a_head_in_halves_or_neighbours_and_back(InstructionSet set)
    {
        const int heads = 2, headWidth = 10, turned = 6, stride = (3 * headWidth) + 1;
        int[] positions = [0, 3, 1];
        var x = Check.Random(1, positions.Length * stride);
        double Angle(int position, int j) => position * Math.Pow(100, -2.0 * j / turned);
        var table = Enumerable.Range(0, 4).SelectMany(position => Enumerable.Range(0, turned / 2).Select(j => Angle(position, j))).ToArray();
        using var bench = new DeviceBench(set, threads: 2);
        var (cosines, sines, where) = (bench.Put(table.Select(Math.Cos)), bench.Put(table.Select(Math.Sin)), bench.Put(positions));
        foreach (var neighbours in (bool[])[false, true])
        {
            var expected = (double[])x.Clone();
            for (var pair = 0; pair < positions.Length * heads * turned / 2; pair++)
            {
                var (row, head, j) = (pair / (heads * turned / 2), pair / (turned / 2) % heads, pair % (turned / 2));
                var first = (row * stride) + (head * headWidth);
                var (low, high) = neighbours ? (first + (2 * j), first + (2 * j) + 1) : (first + j, first + j + (turned / 2));
                var (sine, cosine) = Math.SinCos(Angle(positions[row], j));
                (expected[low], expected[high]) = ((x[low] * cosine) - (x[high] * sine), (x[high] * cosine) + (x[low] * sine));
            }

            var buffer = bench.Put(x);
            bench.Device.Rotate(new(buffer, where, cosines, sines, positions.Length, heads, headWidth, stride, Inverse: false, turned, neighbours));
            Check.Close(expected, bench.Get(buffer), 1e-6, "turned");
            bench.Device.Rotate(new(buffer, where, cosines, sines, positions.Length, heads, headWidth, stride, Inverse: true, turned, neighbours));
            Check.Close(x, bench.Get(buffer), 1e-6, "turned back");
        }
    }
}
