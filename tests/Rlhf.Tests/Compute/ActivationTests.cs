using Rlhf.Compute.Cpu;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

public sealed class ActivationTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Gelu_and_its_gradient_follow_the_definition_at_every_length(InstructionSet set)
    {
        for (var length = 1; length <= 35; length++)
        {
            var (x, dy) = (Check.Random(length, length, 6), Check.Random(length + 100, length));
            using var bench = new DeviceBench(set, threads: 2);
            var (bx, y) = (bench.Put(x), bench.Room(length));
            bench.Device.GeluForward(new(bx, y));
            Check.Close([.. x.Select(PlainOperations.Gelu)], bench.Get(y), 1e-6, "y");

            var dx = bench.Put(dy);
            bench.Device.GeluBackward(new(bx, dx, dx));
            Check.Close(Check.Gradient(x, a => PlainOperations.Dot(dy, [.. a.Select(PlainOperations.Gelu)])), bench.Get(dx), 2e-6, "dx");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Gelu_is_finite_for_large_numbers_and_keeps_what_is_not_a_number(InstructionSet set)
    {
        using var bench = new DeviceBench(set);
        var y = bench.Room(5);
        bench.Device.GeluForward(new(bench.Put(1e4f, -1e4f, 50f, -50f, float.NaN), y));
        var values = bench.Get(y);
        Assert.Equal([1e4f, 0f, 50f, 0f], values[..4].Select(v => v + 0f));
        Assert.True(float.IsNaN(values[4]));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Swiglu_and_its_gradient_follow_the_definition(InstructionSet set)
    {
        foreach (var width in (int[])[1, 16, 21])
        {
            const int rows = 3;
            var (gateUp, dy) = (Check.Random(1, rows * 2 * width, 5), Check.Random(2, rows * width));
            using var bench = new DeviceBench(set, threads: 2);
            var (x, y, dx) = (bench.Put(gateUp), bench.Room(rows * width), bench.Room(rows * 2 * width));
            bench.Device.SwiGluForward(new(x, rows, width, y));
            Check.Close(PlainOperations.SwiGlu(gateUp, width), bench.Get(y), 2e-6, "y");
            bench.Device.SwiGluBackward(new(x, bench.Put(dy), rows, width, dx));
            Check.Close(Check.Gradient(gateUp, a => PlainOperations.Dot(dy, PlainOperations.SwiGlu(a, width))), bench.Get(dx), 5e-6, "dx");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Rotation_turns_pairs_of_the_first_heads_by_the_position_and_back(InstructionSet set)
    {
        const int heads = 2, headWidth = 6, stride = (3 * headWidth) + 1;
        int[] positions = [0, 3, 1];
        var x = Check.Random(1, positions.Length * stride);
        double Angle(int position, int j) => position * Math.Pow(100, -2.0 * j / headWidth);
        var table = Enumerable.Range(0, 4).SelectMany(position => Enumerable.Range(0, headWidth / 2).Select(j => Angle(position, j))).ToArray();
        var expected = (double[])x.Clone();
        for (var row = 0; row < positions.Length; row++)
        {
            for (var pair = 0; pair < heads * headWidth / 2; pair++)
            {
                var (head, j) = (pair / (headWidth / 2), pair % (headWidth / 2));
                var low = (row * stride) + (head * headWidth) + j;
                var high = low + (headWidth / 2);
                var (sine, cosine) = Math.SinCos(Angle(positions[row], j));
                (expected[low], expected[high]) = ((x[low] * cosine) - (x[high] * sine), (x[high] * cosine) + (x[low] * sine));
            }
        }

        using var bench = new DeviceBench(set, threads: 2);
        var (buffer, cosines, sines, where) = (bench.Put(x), bench.Put(table.Select(Math.Cos)), bench.Put(table.Select(Math.Sin)), bench.Put(positions));
        bench.Device.Rotate(new(buffer, where, cosines, sines, positions.Length, heads, headWidth, stride, Inverse: false));
        Check.Close(expected, bench.Get(buffer), 1e-6, "turned");
        bench.Device.Rotate(new(buffer, where, cosines, sines, positions.Length, heads, headWidth, stride, Inverse: true));
        Check.Close(x, bench.Get(buffer), 1e-6, "turned back");
    }
}
