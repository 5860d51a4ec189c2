using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;

namespace Rlhf.Tests.Compute;

/// <summary>Operations that move or mark whole rows: embeddings, gather and scatter, dropout, noise.</summary>
public sealed class RowTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Embeddings_add_token_and_position_and_hand_their_gradient_back(InstructionSet set)
    {
        const int width = 21;
        int[] tokens = [3, 0, 3, 4];
        int[] positions = [0, 1, 2, 0];
        var (table, places, dy) = (Check.Floats(1, 5 * width), Check.Floats(2, 3 * width), Check.Floats(3, tokens.Length * width));
        foreach (var withPositions in (bool[])[true, false])
        {
            using var bench = new DeviceBench(set, threads: 2);
            var (bTokens, bPositions, y) = (bench.Put(tokens), bench.Put(positions), bench.Room(dy.Length));
            bench.Device.EmbeddingForward(new(bTokens, bPositions, bench.Put(table), withPositions ? bench.Put(places) : default, tokens.Length, width, y));
            Check.SameBits(
                [.. Enumerable.Range(0, dy.Length).Select(
                    i => table[(tokens[i / width] * width) + (i % width)] + (withPositions ? places[(positions[i / width] * width) + (i % width)] : 0f))],
                bench.Get(y), "y");

            var (dTable, dPlaces) = (bench.Put(table), bench.Put(places));
            bench.Device.EmbeddingBackward(new(bTokens, bPositions, bench.Put(dy), tokens.Length, width, dTable, withPositions ? dPlaces : default));
            for (var i = 0; i < dy.Length; i++)
            {
                table[(tokens[i / width] * width) + (i % width)] += dy[i];
                places[(positions[i / width] * width) + (i % width)] += withPositions ? dy[i] : 0f;
            }

            Check.SameBits(table, bench.Get(dTable), "dTable");
            Check.SameBits(places, bench.Get(dPlaces), "dPlaces");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Gathered_rows_are_scattered_back_to_where_they_came_from(InstructionSet set)
    {
        const int width = 19;
        int[] numbers = [4, 0, 2];
        var x = Check.Floats(1, 5 * width);
        using var bench = new DeviceBench(set, threads: 2);
        var (bx, y, where) = (bench.Put(x), bench.Room(numbers.Length * width), bench.Put(numbers));
        bench.Device.GatherRows(new(bx, where, numbers.Length, width, y));
        Check.SameBits([.. numbers.SelectMany(n => x[(n * width)..((n + 1) * width)])], bench.Get(y));
        bench.Device.ScatterAddRows(new(y, where, numbers.Length, width, bx));
        Check.SameBits([.. x.Select((v, i) => numbers.Contains(i / width) ? v + v : v)], bench.Get(bx));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Rows_that_meet_in_one_place_add_in_their_order_for_any_number_of_threads(InstructionSet set)
    {
        const int width = 150;
        int[] numbers = [.. Enumerable.Range(0, 400).Select(i => i * 7 % 3)];
        var (x, dy) = (Check.Floats(1, 3 * width), Check.Floats(2, numbers.Length * width));
        var expected = (float[])x.Clone();
        for (var i = 0; i < dy.Length; i++)
        {
            expected[(numbers[i / width] * width) + (i % width)] += dy[i];
        }

        foreach (var threads in (int[])[1, 2, 3])
        {
            using var bench = new DeviceBench(set, threads);
            var dx = bench.Put(x);
            bench.Device.ScatterAddRows(new(bench.Put(dy), bench.Put(numbers), numbers.Length, width, dx));
            Check.SameBits(expected, bench.Get(dx));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Dropout_keeps_its_share_scales_it_and_does_not_depend_on_how_rows_are_split(InstructionSet set)
    {
        const int rows = 40, width = 101;
        const float probability = 0.3f;
        var (x, y) = (Check.Floats(1, rows * width), Enumerable.Repeat(2f, rows * width).ToArray());
        using var bench = new DeviceBench(set, threads: 2);
        var output = bench.Room(x.Length);
        bench.Device.AddDropped(new(default, bench.Put(y), rows, width, new Dropout(probability, 1, 2, 10), default, output));
        var dropped = bench.Get(output);
        var kept = 2f * (1 / (1 - probability));
        Assert.All(dropped, v => Assert.True(v == 0 || v == kept));
        var deviation = Math.Sqrt(probability * (1 - probability) / dropped.Length);
        Assert.InRange(dropped.Count(v => v == 0) / (double)dropped.Length, probability - (4 * deviation), probability + (4 * deviation));

        var sum = bench.Put(x); // in place: the residual stream
        bench.Device.AddDropped(new(sum, bench.Put(y), rows, width, new Dropout(probability, 1, 2, 10), default, sum));
        Check.SameBits([.. x.Zip(dropped, (a, b) => a + b)], bench.Get(sum), "x + dropout(y)");

        var half = bench.Put(y[..(15 * width)]);
        bench.Device.AddDropped(new(default, half, 15, width, new Dropout(probability, 1, 2, 35), default, half));
        Check.SameBits(dropped.AsSpan(25 * width), bench.Get(half), "rows 25 to 39 alone");

        var chosen = bench.Put(y[..(2 * width)]);
        bench.Device.AddDropped(new(default, chosen, 2, width, new Dropout(probability, 1, 2, 10), bench.Put([31, 4]), chosen));
        Check.SameBits([.. dropped.AsSpan(31 * width, width), .. dropped.AsSpan(4 * width, width)], bench.Get(chosen), "rows 31 and 4 by number");

        bench.Device.AddDropped(new(default, bench.Put(y), rows, width, new Dropout(probability, 1, 3, 10), default, output));
        Assert.InRange(bench.Get(output).Zip(dropped).Count(p => p.First != p.Second) / (double)dropped.Length, 0.35, 0.49); // another stream: 2 p (1 - p)
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Without_dropout_the_sum_is_plain(InstructionSet set)
    {
        var (x, y) = (Check.Floats(1, 37), Check.Floats(2, 37));
        using var bench = new DeviceBench(set);
        var output = bench.Room(37);
        bench.Device.AddDropped(new(bench.Put(x), bench.Put(y), 1, 37, default, default, output));
        Check.SameBits([.. x.Zip(y, (a, b) => a + b)], bench.Get(output));
        bench.Device.AddDropped(new(default, bench.Put(y), 1, 37, default, default, output));
        Check.SameBits(y, bench.Get(output));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Noise_is_uniform_in_the_scale_of_its_row(InstructionSet set)
    {
        const int rows = 3, width = 4001;
        float[] scales = [0.5f, 0f, 2f];
        using var bench = new DeviceBench(set, threads: 2);
        var x = bench.Zeros(rows * width);
        bench.Device.AddUniformNoise(new(x, bench.Put(scales), rows, width, new Dropout(0, 7, 8, 0)));
        var noise = bench.Get(x).Chunk(width).ToArray();
        for (var row = 0; row < rows; row++)
        {
            Assert.All(noise[row], v => Assert.InRange(v, -scales[row], scales[row]));
            Assert.Equal(0, noise[row].Average(), 0.04 * scales[row]);
            Assert.Equal(scales[row] * scales[row] / 3, noise[row].Average(v => v * v), 0.02 * scales[row] * scales[row]);
        }
    }
}
