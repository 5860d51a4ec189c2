using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

public sealed class DivergenceTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void It_follows_the_definition_and_its_gradient_is_its_slope(InstructionSet set)
    {
        const float inverseTemperature = 1.25f;
        using var bench = new DeviceBench(set, threads: 2);
        foreach (var beta in (float[])[0, 0.1f, 0.5f, 0.9f, 1])
        {
            foreach (var (rows, vocabulary, studentWidth, teacherWidth) in ((int, int, int, int)[])[(1, 1, 1, 1), (3, 31, 31, 31), (2, 1100, 1107, 1100),
                (4, 50, 50, 64)])
            {
                var (student, teacher) = (Check.Random(1, rows * studentWidth, 3), Check.Random(2, rows * teacherWidth, 3));
                var (logits, divergences, weights) = (bench.Put(student), bench.Room(rows), Check.Random(3, rows));
                bench.Device.Divergence(new(
                    logits, studentWidth, bench.Put(teacher), teacherWidth, rows, vocabulary, inverseTemperature, beta, bench.Put(weights), divergences));

                double[] Of(double[] all) => [.. Enumerable.Range(0, rows).Select(row => PlainOperations.Divergence(
                    all[(row * studentWidth)..((row * studentWidth) + vocabulary)],
                    teacher[(row * teacherWidth)..((row * teacherWidth) + vocabulary)], beta, inverseTemperature))];
                var what = $"beta {beta}, V {vocabulary}";
                Check.Close(Of(student), bench.Get(divergences), 3e-6, what);
                Check.Close(Check.Gradient(student, all => Of(all).Zip(weights, (d, w) => d * w).Sum()), bench.Get(logits), 1e-6, "gradient, " + what);
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Equal_distributions_do_not_diverge_and_far_ones_stay_finite(InstructionSet set)
    {
        using var bench = new DeviceBench(set);
        foreach (var beta in (float[])[0, 0.5f, 1])
        {
            var (same, far) = (Check.Floats(3, 100, 5), new float[100]);
            (far[0], far[1]) = (300, -300);
            var (logits, divergences) = (bench.Put([.. same, .. far]), bench.Room(2));
            bench.Device.Divergence(new(logits, 100, bench.Put([.. same.Select(logit => logit + 2), .. far.Select(logit => -logit)]), 100, 2, 100, 1, beta,
                bench.Put(1f, 1f), divergences));

            var (found, gradient) = (bench.Get(divergences), bench.Get(logits));
            Assert.Equal(0, found[0], 1e-6);
            Assert.All(gradient[..100], slope => Assert.Equal(0, slope, 1e-6));
            Assert.Equal(beta is 0.5f ? Math.Log(2) : 600, found[1], 1e-3);
            Assert.All(gradient, slope => Assert.True(float.IsFinite(slope)));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_gradient_goes_through_the_cap_of_the_logits(InstructionSet set)
    {
        const double cap = 4;
        using var bench = new DeviceBench(set);
        var (raw, teacher) = (Check.Random(4, 40, 6), Check.Random(5, 40, 3));
        double[] Capped(double[] x) => [.. x.Select(v => cap * Math.Tanh(v / cap))];
        var (logits, divergences) = (bench.Put(Capped(raw)), bench.Room(1));
        bench.Device.Divergence(new(logits, 40, bench.Put(teacher), 40, 1, 40, 1, 0.5f, bench.Put(1f), divergences, (float)cap));

        Check.Close(Check.Gradient(raw, x => PlainOperations.Divergence(Capped(x), teacher, 0.5, 1)), bench.Get(logits), 1e-6);
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_rows_bits_do_not_depend_on_the_rows_beside_it(InstructionSet set)
    {
        const int rows = 40, vocabulary = 1030;
        var (student, teacher) = (Check.Floats(6, rows * vocabulary, 3), Check.Floats(7, rows * vocabulary, 3));
        using var bench = new DeviceBench(set, threads: 2);
        var (logits, divergences) = (bench.Put(student), bench.Room(rows));
        var weights = Check.Floats(8, rows);
        bench.Device.Divergence(new(logits, vocabulary, bench.Put(teacher), vocabulary, rows, vocabulary, 1, 0.3f, bench.Put(weights), divergences));
        for (var row = 0; row < rows; row += 13)
        {
            var range = (row * vocabulary)..((row + 1) * vocabulary);
            var (one, alone) = (bench.Put(student[range]), bench.Room(1));
            bench.Device.Divergence(new(one, vocabulary, bench.Put(teacher[range]), vocabulary, 1, vocabulary, 1, 0.3f, bench.Put(weights[row]), alone));
            Check.SameBits(bench.Get(divergences).AsSpan(row, 1), bench.Get(alone));
            Check.SameBits(bench.Get(logits)[range], bench.Get(one));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Gradients_of_logits_go_into_the_head_as_those_of_log_probabilities_do(InstructionSet set, Precision precision)
    {
        const int rows = 515, width = 8, vocabulary = 1030; // more than one block of rows, more than one chunk of columns
        using var bench = new DeviceBench(set, threads: 2, precision);
        var (hidden, weights, bias) = (bench.Put(Check.Floats(1, rows * width)), bench.Put(Check.Floats(2, vocabulary * width)), Check.Floats(3, vocabulary));
        var targets = bench.Put([.. Enumerable.Range(0, rows).Select(row => row * 7 % vocabulary)]);
        PackedMatrix packed = bench.Room(bench.Device.PackedLength(width, vocabulary));
        bench.Device.PackWeights(new(weights, WeightLayout.OutputMajor, width, vocabulary, packed));
        var (logs, entropies, sums) = (bench.Room(rows), bench.Room(rows), bench.Room(rows));
        var dLogs = Check.Floats(4, rows);
        bench.Device.LanguageHeadForward(new(hidden, packed, targets, rows, width, vocabulary, 1, logs, entropies, sums, default, bench.Put(bias)));
        foreach (var plain in (FloatBuffer[])[weights, default])
        {
            var (dHidden, dWeights, dBias) = (bench.Room(rows * width), bench.Zeros(vocabulary * width), bench.Zeros(vocabulary));
            bench.Device.LanguageHeadBackward(new(
                hidden, packed, plain, targets, rows, width, vocabulary, 1, entropies, sums, default, bench.Put(dLogs), default, dHidden, dWeights,
                bench.Put(bias), 0, dBias));

            var logits = bench.Room((long)rows * vocabulary);
            bench.Device.LinearForward(new(hidden, packed, bench.Put(bias), rows, width, vocabulary, logits));
            var (values, normalizers) = (bench.Get(logits), bench.Get(sums));
            var dLogits = new float[rows * vocabulary];
            for (var i = 0; i < dLogits.Length; i++)
            {
                var (row, token) = (i / vocabulary, i % vocabulary);
                dLogits[i] = dLogs[row] * ((token == row * 7 % vocabulary ? 1 : 0) - MathF.Exp(values[i] - normalizers[row]));
            }

            var (dHidden2, dWeights2, dBias2) = (bench.Room(rows * width), bench.Zeros(vocabulary * width), bench.Zeros(vocabulary));
            bench.Device.LogitsBackward(new(hidden, packed, plain, bench.Put(dLogits), rows, width, vocabulary, dHidden2, dWeights2, dBias2));
            var tolerance = precision == Precision.F32 ? 2e-6 : 2e-2;
            Check.Close([.. bench.Get(dHidden).Select(v => (double)v)], bench.Get(dHidden2), tolerance, "dHidden");
            Check.Close([.. bench.Get(dWeights).Select(v => (double)v)], bench.Get(dWeights2), tolerance, "dWeights");
            Check.Close([.. bench.Get(dBias).Select(v => (double)v)], bench.Get(dBias2), 2e-5, "dBias");
        }
    }
}
