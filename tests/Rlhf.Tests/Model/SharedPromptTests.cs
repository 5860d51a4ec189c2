using Rlhf.Batching;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Stages.Reward;
using Rlhf.Training;
using Rlhf.World;

namespace Rlhf.Tests.Model;

/// <summary>Answers that share the rows of their prompt against the same answers as sequences of their own: outputs to the bit, gradients to
/// rounding.</summary>
public sealed class SharedPromptTests
{
    public static TheoryData<string, InstructionSet> Models()
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var set in CpuDevice.Available)
        {
            foreach (var model in new[] { "gpt2-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny" })
            {
                data.Add(model, set);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Rewards_values_log_probabilities_and_entropies_have_the_bits_of_lone_sequences(string model, InstructionSet set)
    {
        for (var seed = 0; seed < 3; seed++)
        {
            var (sequences, prompts) = Answers(seed);
            using var first = Loaded.Open(model, set, threads: 1);
            using var plain = new Scorer(first.Decoder, 1);
            var rewards = plain.Rewards(sequences);
            var alone = sequences.Select(
                (sequence, i) => (Logs: plain.ResponseLogProbabilities([sequence], [prompts[i]], 0.7), Values: plain.ResponseValues([sequence], [prompts[i]])))
                    .ToArray();
            foreach (var (threads, budget) in new[] { (1, 4096), (2, 90), (3, 50) })
            {
                using var loaded = Loaded.Open(model, set, threads);
                using var scorer = new Scorer(loaded.Decoder, budget);
                Assert.Equal(rewards, scorer.Rewards(sequences, prompts));
                Assert.True(scorer.Rows < sequences.Sum(sequence => sequence.Length));
                var (logs, entropies) = scorer.ResponseLogProbabilities(sequences, prompts, 0.7);
                Assert.Equal(alone.SelectMany(answer => answer.Values), scorer.ResponseValues(sequences, prompts));
                Assert.Equal(alone.SelectMany(answer => answer.Logs.LogProbabilities), logs);
                Assert.Equal(alone.SelectMany(answer => answer.Logs.Entropies), entropies);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Gradients_are_those_of_lone_sequences_up_to_rounding_and_the_same_bits_for_any_number_of_threads(string model, InstructionSet set)
    {
        var (sequences, prompts) = Answers(7);
        var plain = Gradients(model, set, 1, sequences, prompts, int.MaxValue, shared: false);
        var shared = Gradients(model, set, 1, sequences, prompts, int.MaxValue, shared: true);
        Assert.Equal(plain.Outputs, shared.Outputs);
        Assert.True(shared.Rows < plain.Rows);

        // The bound of a batch that is split: sums of the same terms in another order.
        var norm = Norm(plain.Gradients);
        Assert.True(norm > 0.01);
        Assert.True(Distance(plain.Gradients, shared.Gradients) <= 1e-5 * norm, $"{Distance(plain.Gradients, shared.Gradients)} of {norm}");
        Assert.Equal(shared.Gradients, Gradients(model, set, 2, sequences, prompts, int.MaxValue, shared: true, recompute: true).Gradients);
        var split = Gradients(model, set, 2, sequences, prompts, 50, shared: true);
        Assert.Equal(plain.Outputs, split.Outputs);
        Assert.True(Distance(plain.Gradients, split.Gradients) <= 1e-5 * norm, $"split: {Distance(plain.Gradients, split.Gradients)} of {norm}");
        foreach (var threads in (int[])[2, 3])
        {
            Assert.Equal(shared.Gradients, Gradients(model, set, threads, sequences, prompts, int.MaxValue, shared: true).Gradients);
        }
    }

    [Fact]
    public void An_answer_without_tokens_is_judged_at_the_end_of_its_prompt()
    {
        using var loaded = Loaded.Open("gpt2-tiny", CpuDevice.Available[0], threads: 2);
        using var scorer = new Scorer(loaded.Decoder, 1000);
        int[][] sequences = [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3], [9]];
        Assert.Equal(scorer.Rewards(sequences), scorer.Rewards(sequences, [3, 3, 3, 1]));
        Assert.Single(scorer.ResponseLogProbabilities(sequences[..3], [3, 3, 3]).LogProbabilities);
    }

    [Fact]
    public void Noise_and_shared_prompts_are_refused_together()
    {
        using var loaded = Loaded.Open("gpt2-tiny", CpuDevice.Available[0], threads: 1);
        using var pass = new TrainingPass(loaded.Decoder, new AdamOptions(), null, "reward");
        pass.Begin();
        pass.Batch.AddFamily([[1, 2, 3], [1, 2, 4]], new PromptFamily(0, 2, 2), lastRowOnly: true, loaded.Device, loaded.Decoder.Shape);
        Assert.Throws<InvalidOperationException>(() => pass.Forward(new TrainingNoise(new Dropout(0.1f, 1, 1, 0), 0)));
        Assert.Throws<InvalidOperationException>(() => pass.Forward(new TrainingNoise(default, 5)));
        pass.Forward(new TrainingNoise(new Dropout(0, 1, 1, 0), 0));
    }

    /// <summary>Answers to six prompts, some of them several to one prompt, not all of those next to each other.</summary>
    private static (int[][] Sequences, int[] PromptLengths) Answers(int seed)
    {
        var random = new Random(seed);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(99))];
        int[][] prompts = [Tokens(1), Tokens(random.Next(2, 31)), Tokens(32), Tokens(random.Next(33, 41)), Tokens(5), Tokens(12)];
        int[] picks = [0, 1, 1, 1, 2, 0, 2, 3, 3, 3, 3, 4, 5, 5, 1];
        return ([.. picks.Select(pick => (int[])[.. prompts[pick], .. Tokens(random.Next(1, 24))])], [.. picks.Select(pick => prompts[pick].Length)]);
    }

    private static (float[] Outputs, float[] Gradients, int Rows) Gradients(
        string model, InstructionSet set, int threads, int[][] sequences, int[] prompts, int budget, bool shared, bool recompute = false)
    {
        using var loaded = Loaded.Open(model, set, threads);
        using var pass = new TrainingPass(loaded.Decoder, new AdamOptions(), null, "policy", recompute);
        var order = PromptFamilies.Order(sequences, prompts);
        int[][] ordered = [.. order.Select(i => sequences[i])];
        int[] lengths = [.. order.Select(i => prompts[i])];
        var slopes = new float[sequences.Sum(sequence => sequence.Length)];
        Philox.Normal(slopes, 5, 0, 1);
        var (outputs, done, rows) = (new List<float>(), 0, 0);
        foreach (var group in PromptFamilies.Split(ordered, lengths, budget))
        {
            pass.Begin();
            foreach (var family in group.SelectMany(
                family => shared ? [family] : Enumerable.Range(family.Start, family.End - family.Start).Select(i => new PromptFamily(i, i + 1, lengths[i]))))
            {
                pass.Batch.AddFamily(ordered, family, lastRowOnly: false, loaded.Device, loaded.Decoder.Shape);
            }

            pass.Forward();
            var count = pass.Batch.TargetCount;
            var (logs, values) = (new float[count], new float[count]);
            pass.LanguageForward(logs, default);
            pass.ScalarForward(values);
            outputs.AddRange([.. logs, .. values]);
            pass.Backward(slopes.AsSpan(done, count), default, slopes.AsSpan(done, count));
            (done, rows) = (done + count, rows + pass.Batch.Rows);
        }

        var gradients = new float[pass.Optimizer.Gradients.Length];
        loaded.Device.CopyOut(pass.Optimizer.Gradients, gradients);
        return ([.. outputs.Order()], gradients, rows);
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum());

    private static double Norm(float[] a) => Math.Sqrt(a.Sum(x => (double)x * x));

    private sealed class Loaded : IDisposable
    {
        public required IDevice Device { get; init; }

        public required Decoder Decoder { get; init; }

        public static Loaded Open(string model, InstructionSet set, int threads)
        {
            var device = CpuDevice.Create(threads, set);
            var decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language | HeadKind.Scalar, trainable: true);
            RewardTrainer.InitializeHead(decoder, HeadInitialization.Normal, 3);
            return new Loaded { Device = device, Decoder = decoder };
        }

        public void Dispose()
        {
            Decoder.Dispose();
            Device.Dispose();
        }
    }
}
