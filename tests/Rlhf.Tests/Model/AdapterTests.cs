using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Tests.Compute;
using Rlhf.Tests.Compute.OneDnn;
using Rlhf.Training;

namespace Rlhf.Tests.Model;

/// <summary>Low-rank adapters beside frozen weights that several decoders share.</summary>
public sealed class AdapterTests
{
    private const int PromptLength = 4;
    private static readonly int[][] Sequences =
        [.. Enumerable.Range(0, 6).Select(i => Enumerable.Range(0, 9 + (3 * i)).Select(t => ((i * 31) + (t * 7)) % 60).ToArray())];

    public static TheoryData<string> Models() =>
        ["gpt2-tiny", "llama-tiny", "qwen3-tiny", "families/gpt_neox-parallel", "families/phi3", "families/bloom", "families/gemma2"];

    public static TheoryData<InstructionSet> Sets() => [.. CpuDevice.Available];

    [Theory]
    [MemberData(nameof(Models))]
    public void Gradients_are_the_differences_of_the_loss(string model)
    {
        if (!Exists(model))
        {
            return;
        }

        using var device = CpuDevice.Create(2);
        using var decoder = Adapted(device, model, new AdapterOptions { Rank = 3, Alpha = 5, Targets = [AdapterOptions.AllLinear] });
        using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy");
        Loss(pass, Sequences);
        var gradients = Read(device, pass.Optimizer.Gradients);
        var numbers = Read(device, decoder.Parameters);
        foreach (var parameter in decoder.Trained)
        {
            foreach (var at in (long[])[parameter.Offset, parameter.Offset + (parameter.Length / 2), parameter.Offset + parameter.Length - 1])
            {
                double LossAt(float change)
                {
                    var moved = (float[])numbers.Clone();
                    moved[at] += change;
                    device.CopyIn(moved, decoder.Parameters);
                    decoder.Refresh();
                    return Loss(pass, Sequences);
                }

                const float Step = 5e-3f;
                var slope = (LossAt(Step) - LossAt(-Step)) / (2 * Step);
                Assert.True(Math.Abs(slope - gradients[at]) <= 4e-3 * (1 + Math.Abs(slope)), $"{parameter.Name}: {slope} {gradients[at]}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_full_rank_has_the_gradients_of_the_merged_matrix(string model)
    {
        if (!Exists(model))
        {
            return;
        }

        using var device = CpuDevice.Create(1);
        using var whole = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: true);
        var modules = new AdapterLayout(whole.Layout, _ => (1, 1)).Modules.Select(static module => module.Module + ".weight").ToHashSet();
        var weights = whole.Layout.Parameters.Where(parameter => modules.Contains(parameter.Name));
        using var all = new TrainingPass(whole, new AdamOptions(), null, "policy");
        Loss(all, Sequences);
        var expected = Read(device, all.Optimizer.Gradients);
        foreach (var weight in weights)
        {
            var module = weight.Name[..^".weight".Length];
            var inputs = weight.Shape[whole.Config.WeightsAreInputMajor ? 0 : 1];
            using var decoder = Adapted(device, model, new AdapterOptions { Rank = inputs, Alpha = 2 * inputs, Targets = [module] });
            var (a, b) = (decoder.Trained[0], decoder.Trained[1]);
            var numbers = new float[decoder.Parameters.Length]; // A is the identity, B zero: dB is the scale times dW
            for (var i = 0; i < inputs; i++)
            {
                numbers[a.Offset + ((long)i * inputs) + i] = 1;
            }

            device.CopyIn(numbers, decoder.Parameters);
            decoder.Refresh();
            using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy");
            Loss(pass, Sequences);
            var found = Read(device, pass.Optimizer.Gradients);
            for (var i = 0; i < b.Length; i++)
            {
                var (output, input) = (i / inputs, i % inputs);
                var at = weight.Offset + (whole.Config.WeightsAreInputMajor ? ((long)input * b.Shape[0]) + output : i);
                Assert.Equal(2 * expected[at], found[b.Offset + i], 1e-4 * (1 + Math.Abs(expected[at])));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void Gradients_do_not_depend_on_the_split_of_a_batch_the_threads_or_recomputation(InstructionSet set)
    {
        var options = new AdapterOptions { Rank = 4, Alpha = 8, Dropout = 0.2 };
        var whole = GradientsOf(set, 1, options, recompute: false, Sequences.Length);
        Assert.Contains(whole, static gradient => gradient != 0);
        Assert.Equal(whole, GradientsOf(set, 2, options, recompute: false, 2));
        Assert.Equal(whole, GradientsOf(set, 2, options, recompute: true, 1));
        if (DeviceBench.IsFused(set) && DeviceBench.IsFused(CpuDevice.Available[0]))
        {
            Assert.Equal(whole, GradientsOf(CpuDevice.Available[0], 2, options, recompute: false, 3));
        }

        Assert.NotEqual(whole, GradientsOf(set, 1, options with { Dropout = 0 }, recompute: false, Sequences.Length));
    }

    [Theory]
    [InlineData("gpt2-tiny", WeightStorage.F32)]
    [InlineData("llama-tiny", WeightStorage.F32)]
    [InlineData("llama-tiny", WeightStorage.Bf16)]
    [InlineData("llama-tiny", WeightStorage.Int8)]
    [InlineData("llama-tiny", WeightStorage.Q4)]
    public void What_is_sampled_is_scored_and_trained_with_the_same_bits(string model, WeightStorage storage)
    {
        using var device = CpuDevice.Create(2);
        using var decoder = Adapted(device, model, new AdapterOptions { Rank = 4, Alpha = 8 }, storage);
        using var generator = new Generator(decoder);
        using var scorer = new Scorer(decoder, 64);
        using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy");
        var answers = generator.Generate([.. Sequences.Select(tokens => tokens[..5])], new GenerationSettings { MaxNewTokens = 12, EndIds = [3], Seed = 7 });
        var (logs, _) = scorer.ResponseLogProbabilities([.. answers.Select(answer => answer.Tokens)], [.. answers.Select(answer => answer.Prompt.Length)]);
        Assert.Equal(logs, answers.SelectMany(answer => answer.LogProbabilities));
        pass.Begin();
        foreach (var answer in answers)
        {
            pass.Batch.Add(answer.Tokens, answer.Prompt.Length, device, decoder.Shape);
        }

        var trained = new float[pass.Batch.TargetCount];
        pass.Forward();
        pass.LanguageForward(trained, default);
        Assert.Equal(logs, trained);
    }

    [Fact]
    public void Decoders_on_one_base_hold_its_weights_once_and_a_new_adapter_changes_nothing()
    {
        using var device = CpuDevice.Create(1);
        var frozen = Checkpoint.Open(ReferenceFiles.PathOf("llama-tiny")).Load(device, HeadKind.Language);
        var weights = device.HeldBytes;
        var options = new AdapterOptions { Rank = 2 };
        using var fresh = new Decoder(frozen, options.LayoutFor(frozen.Config), HeadKind.Language, trainable: true);
        AdapterInitialization.Fill(fresh, 5);
        using var other = Adapted(frozen, options, HeadKind.Language | HeadKind.Scalar);
        Assert.True(device.HeldBytes - weights < 2 * weights); // the copies of narrow matrices are filled up to whole panels
        Assert.Equal(LogsOf(frozen), LogsOf(fresh));
        Assert.NotEqual(LogsOf(frozen), LogsOf(other));
        var before = LogsOf(other);
        frozen.Dispose();
        Assert.Equal(before, LogsOf(other));
    }

    [Fact]
    public void An_adapter_on_another_one_trains_alone_and_is_written_as_one_that_computes_the_same()
    {
        using var folder = new TestFolder();
        using var device = CpuDevice.Create(1);
        var path = ReferenceFiles.PathOf("llama-tiny");
        using var frozen = Checkpoint.Open(path).Load(device, HeadKind.Language);
        using var first = Adapted(frozen, new AdapterOptions { Rank = 2, Targets = ["q_proj", "v_proj"] });
        using var second = Adapted(first, new AdapterOptions { Rank = 3, Alpha = 5, RankStabilised = true });
        using var pass = new TrainingPass(second, new AdamOptions(), null, "policy");
        Loss(pass, Sequences);
        pass.Optimizer.Step(0.01);
        Assert.NotEqual(LogsOf(first), LogsOf(second));
        Checkpoint.SaveAdapter(
            second, folder.PathOf("both"), Checkpoint.Open(path).Source, asReward: false, new AdapterSettings(path, 5, 0, [], IsRankStabilised: true));
        using var read = Checkpoint.Open(folder.PathOf("both")).Load(device, HeadKind.Language);
        Assert.All(LogsOf(second).Zip(LogsOf(read)), static pair => Assert.Equal(pair.First, pair.Second, 2e-4)); // a scale of 16
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_written_adapter_is_read_and_written_to_the_same_bytes(string model)
    {
        if (!Exists(model))
        {
            return;
        }

        using var folder = new TestFolder();
        using var device = CpuDevice.Create(1);
        var path = ReferenceFiles.PathOf(model);
        using var decoder = Adapted(device, model, new AdapterOptions { Rank = 3, Alpha = 7 });
        var settings = new AdapterSettings(path, 7, 0.1, [], IsRankStabilised: false);
        Checkpoint.SaveAdapter(decoder, folder.PathOf("a"), Checkpoint.Open(path).Source, asReward: false, settings);
        using (var read = Checkpoint.Open(folder.PathOf("a")).Load(device, HeadKind.Language))
        {
            Assert.Equal(LogsOf(decoder), LogsOf(read));
            Checkpoint.SaveAdapter(read, folder.PathOf("b"), Checkpoint.Open(folder.PathOf("a")).Source, asReward: false, settings);
        }

        foreach (var file in Directory.GetFiles(folder.PathOf("a")))
        {
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(folder.PathOf("b", Path.GetFileName(file))));
        }
    }

    [OneDnnTheory]
    [InlineData("llama-tiny")]
    public void In_bfloat16_gradients_are_near_those_in_float32(string model)
    {
        var (set, options) = (CpuDevice.Available[0], new AdapterOptions { Rank = 4, Alpha = 0.5 });
        var exact = GradientsOf(set, 1, options, recompute: false, Sequences.Length, Precision.F32, model);
        var rounded = GradientsOf(set, 2, options, recompute: false, Sequences.Length, Precision.Bf16, model);
        var norm = Math.Sqrt(exact.Sum(static gradient => (double)gradient * gradient));
        var distance = Math.Sqrt(exact.Zip(rounded, static (a, b) => ((double)a - b) * ((double)a - b)).Sum());
        Assert.True(distance < 0.05 * norm, $"{distance} of {norm}");
    }

    [Fact]
    public void A_target_that_the_model_does_not_have_is_refused_with_the_names_that_it_has()
    {
        var config = Checkpoint.Open(ReferenceFiles.PathOf("llama-tiny")).Config;
        var refusal = Assert.Throws<InputException>(() => new AdapterOptions { Targets = ["q_proj", "c_attn"] }.LayoutFor(config));
        Assert.Contains("adapter.targets: c_attn", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("q_proj, k_proj", refusal.Message, StringComparison.Ordinal);
    }

    private static bool Exists(string model) => Directory.Exists(ReferenceFiles.PathOf(model));

    private static float[] GradientsOf(
        InstructionSet set, int threads, AdapterOptions options, bool recompute, int atOnce, Precision precision = Precision.F32, string model = "llama-tiny")
    {
        using var device = CpuDevice.Create(threads, set, precision);
        using var decoder = Adapted(device, model, options);
        using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy", recompute);
        for (var (first, row) = (0, 0u); first < Sequences.Length; first += atOnce)
        {
            var some = Sequences[first..Math.Min(Sequences.Length, first + atOnce)];
            Loss(pass, some, new TrainingNoise(new Dropout(0, 9, 1, row), 0, options.Dropout));
            row += (uint)some.Sum(static sequence => sequence.Length);
        }

        return Read(device, pass.Optimizer.Gradients);
    }

    /// <summary>The sum of log p of all targets, and its gradients; numbers of a target decide its weight.</summary>
    private static double Loss(TrainingPass pass, int[][] sequences, TrainingNoise noise = default)
    {
        pass.Begin();
        foreach (var sequence in sequences)
        {
            pass.Batch.Add(sequence, PromptLength, pass.Decoder.Device, pass.Decoder.Shape);
        }

        var logs = new float[pass.Batch.TargetCount];
        pass.Forward(noise);
        pass.LanguageForward(logs, default);
        var slopes = sequences.SelectMany(static sequence => sequence.Skip(PromptLength)).Select(static token => 0.1f * ((token % 5) - 2)).ToArray();
        pass.Backward(slopes, default, default);
        return logs.Zip(slopes, static (log, slope) => (double)log * slope).Sum();
    }

    private static float[] LogsOf(Decoder decoder)
    {
        using var scorer = new Scorer(decoder, 64);
        return scorer.ResponseLogProbabilities(Sequences, [.. Sequences.Select(static _ => PromptLength)]).LogProbabilities;
    }

    private static Decoder Adapted(IDevice device, string model, AdapterOptions options, WeightStorage storage = WeightStorage.F32)
    {
        using var frozen = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: false, storage);
        return Adapted(frozen, options);
    }

    private static Decoder Adapted(Decoder frozen, AdapterOptions options, HeadKind heads = HeadKind.Language)
    {
        var decoder = new Decoder(frozen, options.LayoutFor(frozen.Config), heads, trainable: true);
        var numbers = new float[decoder.Adapter!.Layout.Length];
        foreach (var module in decoder.Adapter.Layout.Modules)
        {
            var (a, b, _) = decoder.Adapter.Layout.Read(numbers, module);
            Philox.Normal(a, 1, (ulong)module.Module.Length, 0.3f);
            Philox.Normal(b, 2, (ulong)module.Outputs, 0.3f);
            decoder.Adapter.Layout.Write(numbers, module, a, b);
        }

        frozen.Device.CopyIn(numbers, decoder.Parameters.Slice(0, numbers.Length));
        decoder.Refresh();
        return decoder;
    }

    private static float[] Read(IDevice device, FloatBuffer buffer)
    {
        var numbers = new float[buffer.Length];
        device.CopyOut(buffer, numbers);
        return numbers;
    }
}
