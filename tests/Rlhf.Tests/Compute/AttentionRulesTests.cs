using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

/// <summary>Attention with a scale, a window, a cap and slopes of its own.</summary>
public sealed class AttentionRulesTests
{
    private static readonly AttentionShape Shape = new(Heads: 4, KeyValueHeads: 2, HeadWidth: 12);
    private static readonly double[] Slopes = [0.5, 0.25, 0.0625, 0.03125];

    private static readonly PlainRules[] Cases =
    [
        new(Window: 1), new(Window: 5), new(Window: 33), new(Window: 64), new(Scale: 0.4), new(Cap: 0.75), new(Slopes: Slopes),
        new(Scale: 0.5, Window: 7, Cap: 1.5, Slopes: Slopes),
    ];

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Every_rule_follows_its_definition(InstructionSet set)
    {
        int[] lengths = [1, 6, 31, 32, 33, 75];
        using var bench = new DeviceBench(set, threads: 2);
        foreach (var rules in Cases)
        {
            foreach (var length in lengths)
            {
                var qkv = Check.Random(length, length * Shape.RowWidth, 2);
                var output = Forward(bench, [.. qkv.Select(v => (float)v)], length, rules).Output;
                Check.Close(PlainAttention.Forward(qkv, Shape, rules), bench.Get(output), 5e-6, $"{rules}, length {length}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_backward_pass_is_the_slope_of_the_forward_pass(InstructionSet set)
    {
        const int rows = 70;
        var (qkv, dOutput) = (Check.Random(5, rows * Shape.RowWidth, 1.5), Check.Random(6, rows * Shape.OutputWidth));
        int[] indices = [.. Enumerable.Range(0, qkv.Length).Where(i => i % 331 == 0)];
        using var bench = new DeviceBench(set, threads: 2);
        foreach (var rules in Cases)
        {
            var (read, dQkv) = (bench.Put(qkv), bench.Room(qkv.Length));
            var (output, logSumExp) = Forward(bench, [.. qkv.Select(v => (float)v)], rows, rules);
            bench.Device.AttentionBackward(new(
                read, [new SequenceSpan(0, rows, 0, 0, rows)], Shape, output, logSumExp, bench.Put(dOutput), dQkv, RulesOf(bench, rules)));
            var gradient = bench.Get(dQkv);
            var expected = Check.Gradient(qkv, x => PlainOperations.Dot(dOutput, PlainAttention.Forward(x, Shape, rules)), indices);
            Check.Close(expected, [.. indices.Select(i => gradient[i])], 1e-5, $"{rules}");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Decoding_from_the_cache_and_prefilling_in_chunks_give_the_same_bits(InstructionSet set, Precision precision)
    {
        const int rows = 77;
        var qkv = Check.Floats(1, rows * Shape.RowWidth, 2);
        using var bench = new DeviceBench(set, precision: precision);
        foreach (var rules in Cases)
        {
            var whole = bench.Get(Forward(bench, qkv, rows, rules).Output);
            foreach (var chunk in (int[])[1, 7, 32])
            {
                var keyValues = bench.Room(bench.Device.KeyValueLength(Shape, rows));
                var output = new List<float>();
                for (var past = 0; past < rows; past += chunk)
                {
                    var count = Math.Min(chunk, rows - past);
                    var room = bench.Zeros(count * Shape.OutputWidth);
                    bench.Device.AttentionForward(new(
                        bench.Put(qkv.AsSpan(past * Shape.RowWidth, count * Shape.RowWidth).ToArray()), [new SequenceSpan(0, count, past, 0, rows)], Shape,
                        keyValues, room, default, RulesOf(bench, rules)));
                    output.AddRange(bench.Get(room));
                }

                Check.SameBits(whole, output.ToArray(), $"{rules}, {chunk} rows at a time");
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_window_that_holds_the_whole_row_changes_nothing(InstructionSet set)
    {
        var qkv = Check.Floats(3, 40 * Shape.RowWidth, 2);
        using var bench = new DeviceBench(set);
        Check.Close(
            [.. bench.Get(Forward(bench, qkv, 40, PlainRules.None).Output).Select(v => (double)v)],
            bench.Get(Forward(bench, qkv, 40, new(Window: 40)).Output), 1e-6);
    }

    [Fact]
    public void Rules_that_cannot_be_are_refused()
    {
        using var bench = new DeviceBench(CpuDevice.Available[0]);
        var qkv = new float[Shape.RowWidth];
        Assert.Throws<ArgumentException>(() => Forward(bench, qkv, 1, new(Window: -1)));
        Assert.Throws<ArgumentException>(() => Forward(bench, qkv, 1, new(Slopes: [1, 2])));
    }

    private static AttentionRules RulesOf(DeviceBench bench, PlainRules rules) => new()
    {
        Scale = (float)(rules.Scale ?? 0),
        Window = rules.Window ?? 0,
        Cap = (float)(rules.Cap ?? 0),
        Slopes = rules.Slopes is null ? default : bench.Put(rules.Slopes),
    };

    private static (FloatBuffer Output, FloatBuffer LogSumExp) Forward(DeviceBench bench, float[] qkv, int rows, PlainRules rules)
    {
        var (output, logSumExp) = (bench.Room(rows * Shape.OutputWidth), bench.Room(rows * Shape.Heads));
        var keyValues = bench.Room(bench.Device.KeyValueLength(Shape, rows));
        bench.Device.AttentionForward(
            new(bench.Put(qkv), [new SequenceSpan(0, rows, 0, 0, rows)], Shape, keyValues, output, logSumExp, RulesOf(bench, rules)));
        return (output, logSumExp);
    }
}
