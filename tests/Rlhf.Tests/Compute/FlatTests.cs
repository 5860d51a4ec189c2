using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

/// <summary>Passes over flat runs of parameters: AdamW, norm, averages.</summary>
public sealed class FlatTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Adamw_reproduces_the_reference_steps(InstructionSet set)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf("adamw.json")));
        var root = document.RootElement;
        foreach (var (start, gradient, result, decay) in ((string, string, string, string)[])[("W0", "grad_W", "W", "W"), ("b0", "grad_b", "b", "b")])
        {
            var initial = Numbers(root.GetProperty(start));
            using var bench = new DeviceBench(set);
            var (p, m, v) = (bench.Put(initial), bench.Zeros(initial.Length), bench.Zeros(initial.Length));
            foreach (var step in root.GetProperty("steps").EnumerateArray())
            {
                bench.Device.AdamW(new(p, bench.Put(Numbers(step.GetProperty(gradient))), m, v, new AdamWStep(
                    step.GetProperty("lr").GetDouble(), root.GetProperty("betas")[0].GetDouble(), root.GetProperty("betas")[1].GetDouble(),
                    root.GetProperty("eps").GetDouble(),
                    root.GetProperty("weight_decay").GetProperty(decay).GetDouble(), step.GetProperty("step").GetInt64(),
                    step.GetProperty("clip_coef").GetDouble())));
                Check.Close(Numbers(step.GetProperty(result)), bench.Get(p), 1e-5 / 2, result);
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Adamw_follows_the_definition_at_every_length(InstructionSet set)
    {
        var step = new AdamWStep(LearningRate: 0.01, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, WeightDecay: 0.1, Step: 3, GradientScale: 0.5);
        for (var length = 1; length <= 50; length += length < 18 ? 1 : 15)
        {
            var (p, g, m) = (Check.Random(1, length), Check.Random(2, length), Check.Random(3, length, 0.1));
            double[] v = [.. Check.Random(4, length).Select(Math.Abs)];
            using var bench = new DeviceBench(set, threads: 2);
            var (bp, bm, bv) = (bench.Put(p), bench.Put(m), bench.Put(v));
            bench.Device.AdamW(new(bp, bench.Put(g), bm, bv, step));
            var plain = new PlainAdamW(length, step.Beta1, step.Beta2, step.Epsilon, step.WeightDecay, steps: 2);
            m.CopyTo(plain.M, 0);
            v.CopyTo(plain.V, 0);
            plain.Step(p, [.. g.Select(slope => slope * step.GradientScale)], step.LearningRate);
            Check.Close(p, bench.Get(bp), 5e-7, "p");
            Check.Close(plain.M, bench.Get(bm), 5e-7, "m");
            Check.Close(plain.V, bench.Get(bv), 5e-7, "v");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_squared_norm_is_summed_in_float64_and_shows_what_is_not_finite(InstructionSet set)
    {
        foreach (var length in (int[])[1, 3, 16, 33_000])
        {
            var x = Check.Random(length, length);
            using var bench = new DeviceBench(set, threads: 2);
            Assert.Equal(x.Sum(v => v * v), bench.Device.SquaredNorm(bench.Put(x)), 1e-9 * length);
            x[^1] = double.NaN;
            Assert.True(double.IsNaN(bench.Device.SquaredNorm(bench.Put(x))));
            x[^1] = double.NegativeInfinity;
            Assert.False(double.IsFinite(bench.Device.SquaredNorm(bench.Put(x))));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Averages_move_every_number(InstructionSet set)
    {
        foreach (var length in (int[])[1, 16, 37, 20_000])
        {
            var (x, y) = (Check.Random(1, length), Check.Random(2, length));
            using var bench = new DeviceBench(set, threads: 2);
            var moved = bench.Put(x);
            bench.Device.MoveTowards(moved, bench.Put(y), 0.25f);
            Check.Close([.. x.Zip(y, (a, b) => a + (0.25 * (b - a)))], bench.Get(moved), 2e-7);
        }
    }

    /// <summary>The numbers of a vector or matrix, row by row.</summary>
    private static double[] Numbers(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Numbers)] : [element.GetDouble()];
}
