using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

/// <summary>Prompts that stand in the batch once, with branches that go on from them, against whole sequences.</summary>
public sealed class AttentionBranchTests
{
    private static readonly AttentionShape[] Shapes = [new(2, 1, 8), new(4, 2, 20), new(2, 2, 16), new(3, 1, 64)];

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Branches_have_the_bits_of_whole_sequences_for_any_number_of_threads(InstructionSet set, Precision precision)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var (shape, families) = (Shapes[seed % Shapes.Length], Families.Random(seed));
            var qkv = Check.Floats(seed, families.Rows * shape.RowWidth, 2);
            using var whole = new DeviceBench(set, precision: precision);
            var expected = Forward(whole, families.Expand(qkv, shape.RowWidth), families.Alone.Spans(whole, shape), shape);
            foreach (var threads in (int[])[1, 2, 3])
            {
                using var bench = new DeviceBench(set, threads, precision);
                var (output, logSumExp) = Forward(bench, qkv, families.Spans(bench, shape), shape);
                Check.SameBits(expected.Output, families.Expand(output, shape.OutputWidth), $"output, seed {seed}, {threads} threads");
                Check.SameBits(expected.LogSumExp, families.Expand(logSumExp, shape.Heads), $"log sum exp, seed {seed}, {threads} threads");
            }
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Gradients_are_the_sums_over_whole_sequences_and_an_answers_own_have_the_same_bits(InstructionSet set, Precision precision)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var (shape, families) = (Shapes[seed % Shapes.Length], Families.Random(seed));
            var (qkv, dOutput) = (Check.Floats(seed, families.Rows * shape.RowWidth, 1.5), Check.Floats(seed + 100, families.Rows * shape.OutputWidth));
            using var whole = new DeviceBench(set, precision: precision);
            var wholeQkv = families.Expand(qkv, shape.RowWidth);
            var copies = Backward(whole, wholeQkv, families.WithoutRepeats(families.Expand(dOutput, shape.OutputWidth), shape.OutputWidth),
                families.Alone.Spans(whole, shape), shape);
            var (sums, sizes) = families.Sum(copies, shape.RowWidth);
            float[]? first = null;
            foreach (var threads in (int[])[1, 2, 3])
            {
                using var bench = new DeviceBench(set, threads, precision);
                var gradient = Backward(bench, qkv, dOutput, families.Spans(bench, shape), shape);
                Check.SameBits(first ??= gradient, gradient, $"{threads} threads");
            }

            families.EachRow((row, isAnswers) =>
            {
                for (var i = row * shape.RowWidth; i < (row + 1) * shape.RowWidth; i++)
                {
                    // Sums of at most 150 float32 terms in another order: each addition rounds to 2^-24 of a partial sum, which the sizes bound.
                    var allowed = isAnswers ? 0 : 150 * Math.Pow(2, -24) * (sizes[i] + 1);
                    Assert.True(Math.Abs(sums[i] - first![i]) <= allowed, $"seed {seed}, row {row}: expected {sums[i]:R}, got {first[i]:R}");
                }
            });
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void Rows_before_the_first_query_have_no_output_and_the_others_have_the_same_bits(InstructionSet set, Precision precision)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var (shape, families, random) = (Shapes[seed % Shapes.Length], Families.Random(seed), new Random(seed));
            var (qkv, dOutput) = (Check.Floats(seed, families.Rows * shape.RowWidth, 2), Check.Floats(seed + 100, families.Rows * shape.OutputWidth));
            using var bench = new DeviceBench(set, threads: 2, precision);
            var spans = families.Spans(bench, shape);
            SequenceSpan[] asking = [.. spans.Select(span => span with { FirstQuery = random.Next(span.Rows + 1) })];
            bool[] asks = [.. asking.SelectMany(span => Enumerable.Range(0, span.Rows).Select(row => row >= span.FirstQuery))];
            var (all, some) = (Forward(bench, qkv, spans, shape).Output, Forward(bench, qkv, asking, shape).Output);
            for (var i = 0; i < all.Length; i++)
            {
                Assert.True(asks[i / shape.OutputWidth] ? all[i].Equals(some[i]) : float.IsNaN(some[i]),
                    $"seed {seed}, row {i / shape.OutputWidth}"); // room that nobody wrote to is not a number
            }

            var slopes = dOutput.Select((slope, i) => asks[i / shape.OutputWidth] ? slope : 0f).ToArray();
            Assert.Equal(Backward(bench, qkv, slopes, spans, shape), Backward(bench, qkv, slopes, asking, shape));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.Sets), MemberType = typeof(DeviceBench))]
    public void The_backward_pass_is_the_slope_of_the_forward_pass(InstructionSet set)
    {
        foreach (var (shape, prompt, answers, stride) in new (AttentionShape, int, int[], int)[]
        {
            (new(2, 1, 8), 3, [2, 1, 4], 1),
            (new(4, 2, 20), 33, [9, 3], 53),
            (new(2, 2, 16), 64, [5, 1, 33], 71),
        })
        {
            var families = new Families([(prompt, answers)]);
            var (qkv, dOutput) = (Check.Random(5, families.Rows * shape.RowWidth, 1.5), Check.Random(6, families.Rows * shape.OutputWidth));
            using var bench = new DeviceBench(set, threads: 2);
            var gradient = Backward(bench, [.. qkv.Select(v => (float)v)], [.. dOutput.Select(v => (float)v)], families.Spans(bench, shape), shape);
            int[] indices = [.. Enumerable.Range(0, qkv.Length).Where(i => i % stride == 0)];
            var wholeSlopes = families.WithoutRepeats(families.Expand(dOutput, shape.OutputWidth), shape.OutputWidth);
            double Function(double[] x)
            {
                var (whole, sum, at) = (families.Expand(x, shape.RowWidth), 0.0, 0);
                foreach (var length in families.Copies)
                {
                    var output = PlainAttention.Forward(whole.AsSpan(at * shape.RowWidth, length * shape.RowWidth).ToArray(), shape);
                    sum += PlainOperations.Dot(wholeSlopes.AsSpan(at * shape.OutputWidth, output.Length).ToArray(), output);
                    at += length;
                }

                return sum;
            }

            Check.Close(Check.Gradient(qkv, Function, indices), [.. indices.Select(i => gradient[i])], 1e-5, $"{shape}, prompt {prompt}");
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void A_family_does_not_feel_its_neighbours_and_a_branch_does_not_feel_the_others(InstructionSet set, Precision precision)
    {
        var shape = new AttentionShape(2, 1, 16);
        var (alone, among) = (new Families([(40, [7, 20])]), new Families([(9, [3, 50]), (40, [7, 20]), (5, [])]));
        var (qkv, dOutput) = (Check.Floats(1, among.Rows * shape.RowWidth), Check.Floats(2, among.Rows * shape.OutputWidth));
        const int first = 62;
        using var bench = new DeviceBench(set, threads: 2, precision: precision);
        var expected = Backward(
            bench, qkv.AsSpan(first * shape.RowWidth, alone.Rows * shape.RowWidth).ToArray(),
            dOutput.AsSpan(first * shape.OutputWidth, alone.Rows * shape.OutputWidth).ToArray(),
            alone.Spans(bench, shape), shape);
        Check.SameBits(expected, Backward(bench, qkv, dOutput, among.Spans(bench, shape), shape).AsSpan(first * shape.RowWidth, expected.Length));

        qkv[((first + 41) * shape.RowWidth) + 40] = float.NaN; // a key of the second row of the family's first branch
        var (output, _) = Forward(bench, qkv, among.Spans(bench, shape), shape);
        for (var row = 0; row < among.Rows; row++)
        {
            var spoilt = row >= first + 41 && row < first + 47;
            Assert.Equal(spoilt, output.Skip(row * shape.OutputWidth).Take(shape.OutputWidth).Any(float.IsNaN));
        }
    }

    [Theory]
    [MemberData(nameof(DeviceBench.SetsAndPrecisions), MemberType = typeof(DeviceBench))]
    public void A_copied_cache_goes_on_with_the_same_bits(InstructionSet set, Precision precision)
    {
        var shape = new AttentionShape(4, 2, 20);
        using var bench = new DeviceBench(set, precision: precision);
        foreach (var past in (int[])[1, 31, 32, 45, 64])
        {
            const int capacity = 70;
            var length = (int)bench.Device.KeyValueLength(shape, capacity);
            var (keyValues, output) = (bench.Room(2 * length), bench.Room((past + 2) * shape.OutputWidth));
            var qkv = Check.Floats(past, (past + 2) * shape.RowWidth);
            bench.Device.AttentionForward(new(bench.Put(qkv), [new SequenceSpan(0, past + 2, 0, 0, capacity)], shape, keyValues, output, default));
            bench.Device.CopyKeyValues(new(keyValues.Slice(0, length), keyValues.From(length), shape, capacity, past));
            var next = bench.Room(2 * shape.OutputWidth);
            bench.Device.AttentionForward(
                new(bench.Put(qkv[(past * shape.RowWidth)..]), [new SequenceSpan(0, 2, past, length, capacity)], shape, keyValues, next, default));
            Check.SameBits(bench.Get(output).AsSpan(past * shape.OutputWidth), bench.Get(next), $"past {past}");
        }
    }

    [Fact]
    public void Spans_that_are_no_family_are_refused()
    {
        var shape = new AttentionShape(1, 1, 8);
        using var bench = new DeviceBench(CpuDevice.Available[0]);
        var (qkv, room, keyValues) =
            (bench.Zeros(8 * shape.RowWidth), bench.Room(8 * shape.OutputWidth), bench.Room(4 * bench.Device.KeyValueLength(shape, 32)));
        void Forward(params SequenceSpan[] spans) => bench.Device.AttentionForward(new(qkv, spans, shape, keyValues, room, default));
        var prompt = new SequenceSpan(0, 2, 0, 0, 32);
        var (branch, other) = (new SequenceSpan(2, 2, 2, 256, 32, 0), new SequenceSpan(4, 1, 0, 512, 32));
        Forward(prompt, branch);
        Assert.Throws<ArgumentException>(() => Forward(branch)); // without its prompt
        Assert.Throws<ArgumentException>(() => Forward(prompt, other, branch)); // not behind it
        Assert.Throws<ArgumentException>(() => Forward(prompt, branch with { Past = 1 })); // not from its end
        Assert.Throws<ArgumentException>(() => Forward(prompt, branch, new SequenceSpan(4, 1, 2, 512, 32, 1))); // a branch of a branch
        Assert.Throws<ArgumentOutOfRangeException>(() => Forward(prompt with { FirstQuery = 3 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Forward(prompt with { FirstQuery = -1 }));
        Assert.Throws<ArgumentException>(() => bench.Device.AttentionBackward(new(qkv, [branch with { Prefix = -1 }], shape, room, room, room, qkv)));
    }

    private static (float[] Output, float[] LogSumExp) Forward(DeviceBench bench, float[] qkv, SequenceSpan[] spans, AttentionShape shape)
    {
        var (output, logSumExp) = Forward(bench, bench.Put(qkv), spans, shape);
        return (bench.Get(output), bench.Get(logSumExp));
    }

    private static (FloatBuffer Output, FloatBuffer LogSumExp) Forward(DeviceBench bench, FloatBuffer qkv, SequenceSpan[] spans, AttentionShape shape)
    {
        var rows = qkv.Length / shape.RowWidth;
        var keyValues = bench.Room(spans.Max(span => span.Store + bench.Device.KeyValueLength(shape, span.Capacity)));
        var (output, logSumExp) = (bench.Room(rows * shape.OutputWidth), bench.Room(rows * shape.Heads));
        bench.Device.AttentionForward(new(qkv, spans, shape, keyValues, output, logSumExp));
        return (output, logSumExp);
    }

    private static float[] Backward(DeviceBench bench, float[] qkv, float[] dOutput, SequenceSpan[] spans, AttentionShape shape)
    {
        var (read, dQkv) = (bench.Put(qkv), bench.Room(qkv.Length));
        var (output, logSumExp) = Forward(bench, read, spans, shape);
        bench.Device.AttentionBackward(new(read, spans, shape, output, logSumExp, bench.Put(dOutput), dQkv));
        return bench.Get(dQkv);
    }

    /// <summary>Prompts with the lengths of their answers, packed as a batch that has each prompt once, and as whole sequences.</summary>
    private sealed class Families((int Prompt, int[] Answers)[] families)
    {
        public int Rows => families.Sum(family => family.Prompt + family.Answers.Sum());

        /// <summary>Lengths of the whole sequences: a prompt without answers is one.</summary>
        public int[] Copies =>
            [.. families.SelectMany(family => family.Answers.Length == 0 ? [family.Prompt] : family.Answers.Select(answer => family.Prompt + answer))];

        /// <summary>The whole sequences, each alone.</summary>
        public Families Alone => new([.. Copies.Select(length => (length, Array.Empty<int>()))]);

        public static Families Random(int seed)
        {
            var random = new Random(seed);
            return new Families(
                [.. Enumerable.Range(0, 3)
                    .Select(_ => (random.Next(1, 71), Enumerable.Range(0, random.Next(0, 4)).Select(_ => random.Next(1, 41)).ToArray()))]);
        }

        public SequenceSpan[] Spans(DeviceBench bench, AttentionShape shape)
        {
            var spans = new List<SequenceSpan>();
            var (row, store) = (0, 0L);
            void Add(SequenceSpan span)
            {
                span = span with { FirstRow = row, Store = store, Capacity = span.Past + span.Rows - span.FirstStored };
                spans.Add(span);
                (row, store) = (row + span.Rows, store + bench.Device.KeyValueLength(shape, span.Capacity));
            }

            foreach (var (prompt, answers) in families)
            {
                var prefix = spans.Count;
                Add(new SequenceSpan(0, prompt, 0, 0, 0));
                foreach (var answer in answers)
                {
                    Add(new SequenceSpan(0, answer, prompt, 0, 0, prefix));
                }
            }

            return [.. spans];
        }

        /// <summary>Rows of the shared batch as rows of the whole sequences.</summary>
        public T[] Expand<T>(T[] rows, int width) => [.. Sources().SelectMany(source => rows[(source.Row * width)..((source.Row + 1) * width)])];

        /// <summary>Rows of whole sequences in which a prompt's rows count in its first copy only.</summary>
        public T[] WithoutRepeats<T>(T[] rows, int width) =>
            [.. Sources().SelectMany((source, i) => source.Repeats ? new T[width] : rows[(i * width)..((i + 1) * width)])];

        /// <summary>Sums over the copies of each row, and the sums of their sizes.</summary>
        public (double[] Sums, double[] Sizes) Sum(float[] copies, int width)
        {
            var (sums, sizes) = (new double[Rows * width], new double[Rows * width]);
            foreach (var (source, i) in Sources().Select((source, i) => (source, i)))
            {
                for (var c = 0; c < width; c++)
                {
                    sums[(source.Row * width) + c] += copies[(i * width) + c];
                    sizes[(source.Row * width) + c] += Math.Abs(copies[(i * width) + c]);
                }
            }

            return (sums, sizes);
        }

        public void EachRow(Action<int, bool> action)
        {
            var row = 0;
            foreach (var (prompt, answers) in families)
            {
                for (var i = 0; i < prompt + answers.Sum(); i++)
                {
                    action(row++, i >= prompt);
                }
            }
        }

        private IEnumerable<(int Row, bool Repeats)> Sources()
        {
            var first = 0;
            foreach (var (prompt, answers) in families)
            {
                var at = first + prompt;
                foreach (var (answer, number) in (answers.Length == 0 ? [0] : answers).Select((answer, number) => (answer, number)))
                {
                    foreach (var row in Enumerable.Range(first, prompt))
                    {
                        yield return (row, number > 0);
                    }

                    foreach (var row in Enumerable.Range(at, answer))
                    {
                        yield return (row, false);
                    }

                    at += answer;
                }

                first = at;
            }
        }
    }
}
