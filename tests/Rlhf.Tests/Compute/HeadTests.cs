using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;

namespace Rlhf.Tests.Compute;

public sealed class HeadTests
{
    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_language_head_is_a_softmax_at_any_vocabulary_and_temperature(InstructionSet set)
    {
        foreach (var (rows, width, vocabulary, inverseTemperature) in ((int, int, int, float)[])[(1, 5, 1, 1), (3, 8, 31, 1), (4, 24, 1500, 1 / 0.7f),
            (2, 16, 2049, 0.5f), (515, 4, 40, 1)])
        {
            var (hidden, head, targets) = Case(rows, width, vocabulary);
            using var bench = new DeviceBench(set, threads: 2);
            var r = Forward(bench, hidden, head, targets, width, vocabulary, inverseTemperature);
            var expected = PlainOperations.LanguageHead(hidden, head, targets, width, inverseTemperature);
            Check.Close([.. expected.Select(e => e.LogProbability)], bench.Get(r.LogProbabilities), 3e-6, $"log-probability, V = {vocabulary}");
            Check.Close([.. expected.Select(e => e.Entropy)], bench.Get(r.Entropies), 5e-6, $"entropy, V = {vocabulary}");

            // Logits computed by the linear layer and then normalised: the sampler's way to the same number.
            var (logits, again) = (bench.Room((long)rows * vocabulary), bench.Room(rows));
            bench.Device.LinearForward(new(bench.Put(hidden), r.Packed, default, rows, width, vocabulary, logits));
            bench.Device.LogProbabilities(new(logits, bench.Put(targets), rows, vocabulary, inverseTemperature, again));
            Check.SameBits(bench.Get(r.LogProbabilities), bench.Get(again), "from logits");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_log_probability_of_a_row_does_not_depend_on_the_batch(InstructionSet set)
    {
        const int rows = 9, width = 20, vocabulary = 1100;
        var (hidden, head, targets) = Case(rows, width, vocabulary);
        using var bench = new DeviceBench(set, threads: 2);
        var whole = bench.Get(Forward(bench, hidden, head, targets, width, vocabulary, 1).LogProbabilities);
        for (var row = 0; row < rows; row++)
        {
            var alone = Forward(bench, hidden[(row * width)..((row + 1) * width)], head, [targets[row]], width, vocabulary, 1);
            Check.SameBits(whole.AsSpan(row, 1), bench.Get(alone.LogProbabilities));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_language_heads_gradients_are_its_slopes(InstructionSet set)
    {
        foreach (var (rows, width, vocabulary, withEntropy) in ((int, int, int, bool)[])[(3, 8, 31, true), (2, 6, 1100, true), (2, 6, 1030, false)])
        {
            const float inverseTemperature = 1.25f;
            var (hidden, head, targets) = Case(rows, width, vocabulary);
            var (dLog, dEntropy, start) = (Check.Random(7, rows), Check.Random(8, rows), Check.Random(9, head.Length));
            using var bench = new DeviceBench(set, threads: 2);
            var r = Forward(bench, hidden, head, targets, width, vocabulary, inverseTemperature);
            var (dHidden, dWeights) = (bench.Room(hidden.Length), bench.Put(start));
            bench.Device.LanguageHeadBackward(new(
                bench.Put(hidden), r.Packed, bench.Put(head), bench.Put(targets), rows, width, vocabulary, inverseTemperature, r.Entropies, r.LogSumExp,
                default, bench.Put(dLog),
                withEntropy ? bench.Put(dEntropy) : default, dHidden, dWeights));

            double Loss(double[] h, double[] w) =>
                PlainOperations.LanguageHead(h, w, targets, width, inverseTemperature)
                    .Select((e, i) => (dLog[i] * e.LogProbability) + (withEntropy ? dEntropy[i] * e.Entropy : 0)).Sum();
            Check.Close(Check.Gradient(hidden, h => Loss(h, head)), bench.Get(dHidden), 1e-5, "dHidden");
            int[] indices = [.. Enumerable.Range(0, head.Length).Where(i => i % 61 == 0 || i / width == targets[0] || i >= head.Length - 3)];
            var dw = bench.Get(dWeights);
            Check.Close([.. Check.Gradient(head, w => Loss(hidden, w), indices).Zip(indices, (d, i) => d + start[i])], [.. indices.Select(i => dw[i])], 1e-5,
                "dWeights");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void Logits_that_are_kept_give_the_bits_of_logits_computed_again(InstructionSet set)
    {
        const int rows = 515, width = 8, vocabulary = 1030; // more than one block of rows, more than one chunk of columns
        var (hidden, head, targets) = Case(rows, width, vocabulary);
        using var bench = new DeviceBench(set, threads: 2);
        var again = Gradients(default);
        var kept = Gradients(bench.Room((long)rows * vocabulary));
        Check.SameBits(again.DHidden, kept.DHidden);
        Check.SameBits(again.DWeights, kept.DWeights);

        (float[] DHidden, float[] DWeights) Gradients(FloatBuffer logits)
        {
            var r = Forward(bench, hidden, head, targets, width, vocabulary, 1f, logits);
            var (dHidden, dWeights) = (bench.Room(hidden.Length), bench.Room(head.Length));
            bench.Device.LanguageHeadBackward(new(
                bench.Put(hidden), r.Packed, bench.Put(head), bench.Put(targets), rows, width, vocabulary, 1f, r.Entropies, r.LogSumExp, logits,
                bench.Put(Check.Random(7, rows)), default, dHidden, dWeights));
            return (bench.Get(dHidden), bench.Get(dWeights));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void A_logit_that_is_not_a_number_is_not_hidden(InstructionSet set)
    {
        using var bench = new DeviceBench(set);
        var logits = Check.Floats(1, 100);
        logits[57] = float.NaN;
        var result = bench.Room(1);
        bench.Device.LogProbabilities(new(bench.Put(logits), bench.Put(3), 1, 100, 1, result));
        Assert.True(float.IsNaN(bench.Get(result)[0]));
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_scalar_head_and_its_gradients_follow_the_definition(InstructionSet set)
    {
        foreach (var width in (int[])[1, 16, 37])
        {
            const int rows = 5;
            var (x, weights, dy) = (Check.Random(1, rows * width), Check.Random(2, width), Check.Random(3, rows));
            using var bench = new DeviceBench(set, threads: 2);
            var (bx, bw, bias, y) = (bench.Put(x), bench.Put(weights), bench.Put(0.5f), bench.Room(rows));
            bench.Device.ScalarHeadForward(new(bx, bw, bias, rows, width, y));
            Check.Close([.. x.Chunk(width).Select(row => PlainOperations.Dot(row, weights) + 0.5)], bench.Get(y), 2e-6, "y");

            var (dx, dWeights, dBias) = (bench.Room(x.Length), bench.Put(weights), bench.Put(0.25f));
            bench.Device.ScalarHeadBackward(new(bx, bw, bench.Put(dy), rows, width, dx, dWeights, dBias));
            Check.Close([.. dy.SelectMany(d => weights.Select(w => d * w))], bench.Get(dx), 1e-6, "dx");
            Check.Close(
                [.. weights.Select((w, c) => w + Enumerable.Range(0, rows).Sum(r => dy[r] * x[(r * width) + c]))], bench.Get(dWeights), 2e-6, "dWeights");
            Check.Close([0.25 + dy.Sum()], bench.Get(dBias), 2e-6, "dBias");
        }
    }

    private static (double[] Hidden, double[] Head, int[] Targets) Case(int rows, int width, int vocabulary) =>
        (Check.Random(1, rows * width, 3), Check.Random(2, vocabulary * width), [.. Enumerable.Range(0, rows)
            .Select(row => row == 0 ? vocabulary - 1 : row * 7919 % vocabulary)]);

    private static (PackedMatrix Packed, FloatBuffer LogProbabilities, FloatBuffer Entropies, FloatBuffer LogSumExp) Forward(
        DeviceBench bench, double[] hidden, double[] head, int[] targets, int width, int vocabulary, float inverseTemperature, FloatBuffer logits = default)
    {
        var packed = bench.Room(bench.Device.PackedLength(width, vocabulary));
        bench.Device.PackWeights(new(bench.Put(head), WeightLayout.OutputMajor, width, vocabulary, packed));
        var (logProbabilities, entropies, logSumExp) = (bench.Room(targets.Length), bench.Room(targets.Length), bench.Room(targets.Length));
        bench.Device.LanguageHeadForward(
            new(bench.Put(hidden), packed, bench.Put(targets), targets.Length, width, vocabulary, inverseTemperature, logProbabilities, entropies, logSumExp,
            logits));
        return (packed, logProbabilities, entropies, logSumExp);
    }
}
