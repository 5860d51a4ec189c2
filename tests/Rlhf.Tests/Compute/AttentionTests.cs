using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;
using Rlhf.Tests.Compute.OneDnn;

namespace Rlhf.Tests.Compute;

public sealed class AttentionTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Every_length_up_to_70_follows_the_definition_in_one_packed_batch(InstructionSet set)
    {
        var shape = new AttentionShape(Heads: 2, KeyValueHeads: 1, HeadWidth: 8);
        Verify(set, shape, [.. Enumerable.Range(1, 70)]);
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Every_head_width_and_grouping_follows_the_definition(InstructionSet set)
    {
        Verify(set, new AttentionShape(4, 2, 16), [1, 8, 33, 20]);
        Verify(set, new AttentionShape(3, 1, 20), [5, 32, 40]);
        Verify(set, new AttentionShape(2, 2, 64), [9, 35]);
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Decoding_from_the_cache_and_prefilling_in_chunks_give_the_same_bits(InstructionSet set, Precision precision)
    {
        const int rows = 41;
        var shape = new AttentionShape(4, 2, 20);
        var qkv = Check.Floats(1, rows * shape.RowWidth, 2);
        using var bench = new DeviceBench(set, precision: precision);
        var whole = Forward(bench, qkv, shape, [rows]).Output;
        foreach (var chunk in (int[])[1, 7, 8, 32])
        {
            // A cache of another capacity, not the first in its memory, with other sequences' rows before these.
            const int capacity = 50, offset = 64, before = 2;
            var keyValues = bench.Room(offset + bench.Device.KeyValueLength(shape, capacity));
            var output = new List<float>();
            for (var past = 0; past < rows; past += chunk)
            {
                var count = Math.Min(chunk, rows - past);
                var part = bench.Put([.. new float[before * shape.RowWidth], .. qkv.AsSpan(past * shape.RowWidth, count * shape.RowWidth)]);
                var room = bench.Zeros((before + count) * shape.OutputWidth);
                bench.Device.AttentionForward(new(part, [new SequenceSpan(before, count, past, offset, capacity)], shape, keyValues, room, default));
                output.AddRange(bench.Get(room)[(before * shape.OutputWidth)..]);
            }

            Check.SameBits(whole, output.ToArray(), $"{chunk} rows at a time");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void A_sequence_does_not_feel_its_neighbours(InstructionSet set, Precision precision)
    {
        var shape = new AttentionShape(2, 1, 16);
        int[] lengths = [19, 33, 4];
        var qkv = Check.Floats(2, lengths.Sum() * shape.RowWidth, 2);
        var dOutput = Check.Floats(3, lengths.Sum() * shape.OutputWidth);
        using var bench = new DeviceBench(set, threads: 2, precision: precision);
        var (packed, packedGradient) = ForwardAndBackward(bench, qkv, dOutput, shape, lengths);
        var first = 0;
        foreach (var length in lengths)
        {
            var (alone, gradient) = ForwardAndBackward(
                bench, qkv.AsSpan(first * shape.RowWidth, length * shape.RowWidth).ToArray(),
                dOutput.AsSpan(first * shape.OutputWidth, length * shape.OutputWidth).ToArray(), shape, [length]);
            Check.SameBits(alone, packed.AsSpan(first * shape.OutputWidth, length * shape.OutputWidth), "output");
            Check.SameBits(gradient, packedGradient.AsSpan(first * shape.RowWidth, length * shape.RowWidth), "gradient");
            first += length;
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_backward_pass_is_the_slope_of_the_forward_pass(InstructionSet set)
    {
        VerifyGradient(set, new AttentionShape(2, 1, 8), 5, stride: 1);
        VerifyGradient(set, new AttentionShape(4, 2, 20), 12, stride: 23);
        VerifyGradient(set, new AttentionShape(2, 2, 16), 70, stride: 151);
        VerifyGradient(set, new AttentionShape(2, 1, 64), 34, stride: 199);
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Large_scores_do_not_overflow_and_what_is_not_a_number_is_not_hidden(InstructionSet set)
    {
        var shape = new AttentionShape(1, 1, 8);
        var qkv = Check.Floats(4, 40 * shape.RowWidth, 200);
        using var bench = new DeviceBench(set);
        Assert.All(Forward(bench, qkv, shape, [40]).Output, value => Assert.True(float.IsFinite(value)));
        qkv[(10 * shape.RowWidth) + 8] = float.NaN; // a key of position 10: seen from there on
        var output = Forward(bench, qkv, shape, [40]).Output;
        Assert.All(output.Take(10 * 8), value => Assert.True(float.IsFinite(value)));
        Assert.All(output.Skip(10 * 8), value => Assert.True(float.IsNaN(value)));
    }

    [OneDnnTheory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void In_bfloat16_keys_and_values_are_rounded_and_nothing_else(InstructionSet set)
    {
        int[] lengths = [1, 31, 32, 33, 70];
        foreach (var shape in (AttentionShape[])[new(2, 1, 8), new(3, 1, 20), new(4, 2, 64)])
        {
            var (qkv, dOutput) = (Check.Floats(7, lengths.Sum() * shape.RowWidth, 2), Check.Floats(8, lengths.Sum() * shape.OutputWidth));
            using var exact = new DeviceBench(set, threads: 2);
            using var narrow = new DeviceBench(set, threads: 2, precision: Precision.Bf16);
            float[] rounded = [.. qkv.Select((value, i) => i % shape.RowWidth < shape.OutputWidth ? value : BFloat16.Widen(BFloat16.Round(value)))];
            var (expected, expectedGradient) = ForwardAndBackward(exact, rounded, dOutput, shape, lengths);
            var (output, gradient) = ForwardAndBackward(narrow, qkv, dOutput, shape, lengths);
            Check.SameBits(expected, output, $"output, {shape}");
            Check.SameBits(expectedGradient, gradient, $"gradient, {shape}");
            Assert.Equal(exact.Device.KeyValueLength(shape, 70), 2 * narrow.Device.KeyValueLength(shape, 70));
        }
    }

    private static void Verify(InstructionSet set, AttentionShape shape, int[] lengths)
    {
        var qkv = Check.Random(1, lengths.Sum() * shape.RowWidth, 2);
        using var bench = new DeviceBench(set, threads: 2);
        var (output, logSumExp) = Forward(bench, [.. qkv.Select(v => (float)v)], shape, lengths);
        var first = 0;
        foreach (var length in lengths)
        {
            var expected = PlainAttention.Forward(qkv.AsSpan(first * shape.RowWidth, length * shape.RowWidth).ToArray(), shape);
            Check.Close(expected, output.AsSpan(first * shape.OutputWidth, length * shape.OutputWidth).ToArray(), 3e-6, $"{shape}, length {length}");
            first += length;
        }

        Assert.All(logSumExp, value => Assert.True(float.IsFinite(value)));
    }

    private static void VerifyGradient(InstructionSet set, AttentionShape shape, int rows, int stride)
    {
        var (qkv, dOutput) = (Check.Random(5, rows * shape.RowWidth, 1.5), Check.Random(6, rows * shape.OutputWidth));
        using var bench = new DeviceBench(set, threads: 2);
        var (_, gradient) = ForwardAndBackward(bench, [.. qkv.Select(v => (float)v)], [.. dOutput.Select(v => (float)v)], shape, [rows]);
        int[] indices = [.. Enumerable.Range(0, qkv.Length).Where(i => i % stride == 0)];
        var expected = Check.Gradient(qkv, x => PlainOperations.Dot(dOutput, PlainAttention.Forward(x, shape)), indices);
        Check.Close(expected, [.. indices.Select(i => gradient[i])], 1e-5, $"{shape}, {rows} rows");
    }

    private static SequenceSpan[] Spans(DeviceBench bench, AttentionShape shape, int[] lengths)
    {
        var (row, store) = (0, 0L);
        return [.. lengths.Select(length =>
        {
            var span = new SequenceSpan(row, length, 0, store, length);
            row += length;
            store += bench.Device.KeyValueLength(shape, length);
            return span;
        })];
    }

    private static (float[] Output, float[] LogSumExp) Forward(DeviceBench bench, float[] qkv, AttentionShape shape, int[] lengths)
    {
        var (output, logSumExp) = Forward(bench, bench.Put(qkv), shape, lengths);
        return (bench.Get(output), bench.Get(logSumExp));
    }

    private static (FloatBuffer Output, FloatBuffer LogSumExp) Forward(DeviceBench bench, FloatBuffer qkv, AttentionShape shape, int[] lengths)
    {
        var rows = lengths.Sum();
        var (output, logSumExp, keyValues) =
            (bench.Room(rows * shape.OutputWidth), bench.Room(rows * shape.Heads), bench.Room(lengths.Sum(l => bench.Device.KeyValueLength(shape, l))));
        bench.Device.AttentionForward(new(qkv, Spans(bench, shape, lengths), shape, keyValues, output, logSumExp));
        return (output, logSumExp);
    }

    private static (float[] Output, float[] Gradient) ForwardAndBackward(DeviceBench bench, float[] qkv, float[] dOutput, AttentionShape shape, int[] lengths)
    {
        var (read, dQkv) = (bench.Put(qkv), bench.Room(qkv.Length));
        var (output, logSumExp) = Forward(bench, read, shape, lengths);
        bench.Device.AttentionBackward(new(read, Spans(bench, shape, lengths), shape, output, logSumExp, bench.Put(dOutput), dQkv));
        return (bench.Get(output), bench.Get(dQkv));
    }
}
