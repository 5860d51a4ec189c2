using System.Text.Json;
using Rlhf.Batching;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Training;
using LanguageHead = Rlhf.Model.LanguageHead;

namespace Rlhf.Tests.Model;

/// <summary>The decoders against the float64 oracles: hidden states, log-probabilities, entropies, losses, every gradient, greedy text.</summary>
public sealed class DecoderReferenceTests
{
    private const double Absolute = 5e-5;

    public static TheoryData<string, InstructionSet> Models()
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var set in CpuDevice.Available)
        {
            foreach (var model in new[] { "gpt2-tiny", "gpt2-tiny-hubnames", "llama-tiny", "llama-tiny-bf16", "qwen2-tiny", "qwen3-tiny" })
            {
                data.Add(model, set);
            }
        }

        return data;
    }

    public static TheoryData<string, InstructionSet> TracedModels() => With("gpt2-tiny", "llama-tiny");

    [Theory]
    [MemberData(nameof(Models))]
    public void Hidden_states_log_probabilities_and_entropies_are_the_references(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: false);
        using var arena = new Arena(f.Device);
        var batch = f.Batch(fromToken: 1);
        var hidden = new DecoderPass(f.Decoder, arena).Forward(batch, Keep.Nothing);
        var states = new float[hidden.Length];
        f.Device.CopyOut(hidden, states);
        var target = 0;
        f.EachRealRow((_, sequence, t) =>
        {
            if (t == f.Lengths[sequence] - 1)
            {
                return; // the last token predicts none in the text
            }

            for (var c = 0; c < f.Width; c++)
            {
                Near(f.HiddenFinal[(((sequence * f.Columns) + t) * f.Width) + c], states[(target * f.Width) + c], Absolute);
            }

            target++;
        });
        Assert.Equal(batch.TargetCount, target);

        var (logs, entropies) = (new float[batch.TargetCount], new float[batch.TargetCount]);
        new LanguageHead(f.Decoder, arena).Forward(hidden, batch, logs, entropies);
        var at = 0;
        for (var sequence = 0; sequence < f.Lengths.Length; sequence++)
        {
            for (var t = 0; t < f.Lengths[sequence] - 1; t++, at++)
            {
                Near(f.NextLogProbabilities[(sequence * (f.Columns - 1)) + t], logs[at], Absolute);
                Near(f.Entropies[(sequence * f.Columns) + t], entropies[at], Absolute);
            }
        }

        Assert.Equal(batch.TargetCount, at);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void The_sft_loss_and_every_gradient_are_the_references(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: true);
        using var pass = new TrainingPass(f.Decoder, new AdamOptions(), null, "policy");
        var loss = SftGradients(f, pass, splitRows: false);
        Near(f.SftLoss, loss, 2e-5 + (1e-5 * f.SftLoss));
        CheckGradients(f, pass.Optimizer.Gradients);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Splitting_the_batch_into_micro_batches_changes_gradients_by_rounding_only(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: true);
        using var pass = new TrainingPass(f.Decoder, new AdamOptions(), null, "policy");
        var whole = SftGradients(f, pass, splitRows: false);
        var expected = Read(f.Device, pass.Optimizer.Gradients);
        f.Device.Fill(pass.Optimizer.Gradients, 0);
        Assert.Equal(whole, SftGradients(f, pass, splitRows: true), 12);
        var actual = Read(f.Device, pass.Optimizer.Gradients);
        Assert.True(Distance(expected, actual) <= 1e-5 * Norm(expected), $"{Distance(expected, actual)} of {Norm(expected)}");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Greedy_text_is_the_references_token_for_token(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: false);
        using var generator = new Generator(f.Decoder);
        foreach (var item in f.Json.GetProperty("greedy").EnumerateArray())
        {
            var prompt = Ints(item.GetProperty("prompt"));
            var expected = Ints(item.GetProperty("continuation"));
            var settings = new GenerationSettings { Sampling = new SamplingOptions { Temperature = 0 }, MaxNewTokens = expected.Length, EndIds = [], Seed = 1 };
            Assert.Equal(expected, generator.Generate([prompt], settings)[0].Response);
        }
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void Six_adamw_steps_follow_the_references_losses_and_gradient_norms(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: true);
        var trace = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(model, "train_trace.json"))).RootElement;
        var betas = trace.GetProperty("betas").EnumerateArray().Select(beta => beta.GetDouble()).ToArray();
        var adam = new AdamOptions
        {
            Beta1 = betas[0],
            Beta2 = betas[1],
            Epsilon = trace.GetProperty("eps").GetDouble(),
            WeightDecay = trace.GetProperty("weight_decay").GetDouble(),
        };
        using var pass = new TrainingPass(f.Decoder, adam, trace.GetProperty("max_grad_norm").GetDouble(), "policy");
        foreach (var step in trace.GetProperty("steps").EnumerateArray())
        {
            Near(step.GetProperty("loss_before").GetDouble(), SftGradients(f, pass, splitRows: false), 1e-4);
            var expected = step.GetProperty("grad_norm").GetDouble();
            Near(expected, pass.Optimizer.Step(step.GetProperty("lr").GetDouble()), 1e-4 * expected * 3);
        }

        Near(trace.GetProperty("loss_after_last_step").GetDouble(), SftGradients(f, pass, splitRows: false), 1e-4);
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void Rewards_and_their_gradients_are_the_references(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: true, HeadKind.Scalar);
        var reward = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(model, "reward.json"))).RootElement;
        using var tensors = SafetensorsFile.Open(ReferenceFiles.PathOf(model, "reward.safetensors"));
        f.Device.CopyIn(tensors.ReadFloats("score.weight"), f.Decoder.ScalarWeights);
        f.Device.CopyIn([(float)reward.GetProperty("score_bias").GetDouble()], f.Decoder.ScalarBiases);
        using var pass = new TrainingPass(f.Decoder, new AdamOptions(), null, "reward");
        var ids = reward.GetProperty("input_ids").EnumerateArray().Select(Ints).ToArray();
        var lengths = Ints(reward.GetProperty("lengths"));
        pass.Begin();
        for (var i = 0; i < ids.Length; i++)
        {
            pass.Batch.AddWithLastRow(ids[i].AsSpan(0, lengths[i]), f.Device, f.Decoder.Shape);
        }

        pass.Forward();
        var rewards = new float[ids.Length];
        pass.ScalarForward(rewards);
        var expected = reward.GetProperty("rewards").EnumerateArray().Select(value => value.GetDouble()).ToArray();
        for (var i = 0; i < rewards.Length; i++)
        {
            Near(expected[i], rewards[i], Absolute);
        }

        pass.Backward(default, default, tensors.ReadFloats("drewards"));
        CheckGradients(f.Decoder.Layout, f.Device, pass.Optimizer.Gradients, tensors, "grad.");
        CheckTensor("score.weight", tensors.ReadFloats("grad.score.weight"), Read(f.Device, pass.Optimizer.Gradients.Slice(f.Decoder.ScalarWeight, f.Width)),
            LargestOf(tensors, "grad."));
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void A_tokens_log_probability_does_not_depend_on_the_rest_of_the_batch(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: false);
        using var scorer = new Scorer(f.Decoder, 1000);
        int[] ones = [.. f.Lengths.Select(_ => 1)];
        var (together, togetherEntropies) = scorer.ResponseLogProbabilities(f.Sequences, ones);
        var (alone, aloneEntropies) = (new List<float>(), new List<float>());
        foreach (var sequence in f.Sequences.Reverse())
        {
            var (logs, entropies) = scorer.ResponseLogProbabilities([sequence], [1]);
            alone.InsertRange(0, logs);
            aloneEntropies.InsertRange(0, entropies);
        }

        Assert.Equal(together, alone);
        Assert.Equal(togetherEntropies, aloneEntropies);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void The_samplers_log_probabilities_are_the_trainers_bit_for_bit(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: true);
        using var generator = new Generator(f.Decoder);
        using var scorer = new Scorer(f.Decoder, 64);
        foreach (var (live, budget) in new[] { (1, 2048), (2, 5), (64, 2048) })
        {
            var settings = new GenerationSettings
            {
                Sampling = new SamplingOptions { Temperature = 0.8 },
                MaxNewTokens = 24,
                EndIds = [3, 17, 50],
                Seed = 7,
                LiveSequences = live,
                RowBudget = budget,
            };
            var answers = generator.Generate([.. f.Sequences.Concat(f.Sequences).Select(tokens => tokens[..Math.Min(11, tokens.Length)])], settings);
            var (logs, _) =
                scorer.ResponseLogProbabilities([.. answers.Select(answer => answer.Tokens)], [.. answers.Select(answer => answer.Prompt.Length)], 0.8);
            Assert.Equal(answers.SelectMany(answer => answer.LogProbabilities), logs);
        }
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void An_answer_depends_on_its_number_and_the_seed_not_on_the_batch(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: false);
        using var generator = new Generator(f.Decoder);
        int[][] prompts = [.. f.Sequences.Concat(f.Sequences).Select(tokens => tokens[..3])];
        GenerationSettings Settings(int live, uint first) => new() { MaxNewTokens = 16, EndIds = [5], Seed = 3, LiveSequences = live, FirstRow = first };
        var together = generator.Generate(prompts, Settings(64, 0));
        var few = generator.Generate(prompts, Settings(2, 0));
        Assert.Equal(together.SelectMany(answer => answer.Tokens), few.SelectMany(answer => answer.Tokens));
        Assert.Equal(together[4].Tokens, generator.Generate([prompts[4]], Settings(1, 4))[0].Tokens);
        Assert.NotEqual(together[0].Response, together[3].Response); // the same prompt, another number
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void Any_number_of_threads_gives_the_same_bits_after_training_steps(string model, InstructionSet set)
    {
        float[] Trained(int threads)
        {
            using var f = Fixture.Open(model, set, trainable: true, threads: threads);
            using var pass = new TrainingPass(f.Decoder, new AdamOptions(), 1, "policy");
            for (var step = 0; step < 3; step++)
            {
                SftGradients(f, pass, splitRows: true, new TrainingNoise(new Dropout(0.1f, 5, (ulong)step, 0), 5));
                pass.Optimizer.Step(1e-3);
            }

            return Read(f.Device, f.Decoder.Parameters);
        }

        var one = Trained(1);
        Assert.Equal(one, Trained(2));
        Assert.Equal(one, Trained(7));
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void Activations_computed_again_give_the_bits_of_activations_kept(string model, InstructionSet set)
    {
        float[] Gradients(bool recompute)
        {
            using var f = Fixture.Open(model, set, trainable: true);
            using var pass = new TrainingPass(f.Decoder, new AdamOptions(), 1, "policy", recompute);
            SftGradients(f, pass, splitRows: false, new TrainingNoise(new Dropout(0.1f, 5, 1, 0), 5));
            return Read(f.Device, pass.Optimizer.Gradients);
        }

        Assert.Equal(Gradients(recompute: false), Gradients(recompute: true));
    }

    [Theory]
    [MemberData(nameof(TracedModels))]
    public void A_steady_training_step_allocates_nothing_on_the_managed_heap(string model, InstructionSet set)
    {
        using var f = Fixture.Open(model, set, trainable: true, threads: 1);
        using var pass = new TrainingPass(f.Decoder, new AdamOptions(), 1, "policy");
        var (logs, gradients, sequences) = (new float[1000], new float[1000], f.Sequences);
        void Step()
        {
            pass.Begin();
            foreach (var sequence in sequences)
            {
                pass.Batch.Add(sequence, 1, f.Device, f.Decoder.Shape);
            }

            pass.Forward();
            pass.LanguageForward(logs, default);
            pass.Backward(gradients, default, default);
            pass.Optimizer.Step(1e-6);
        }

        Step();
        Assert.Equal(0, SteadyState.AllocatedBytes(10, Step));
    }

    private static TheoryData<string, InstructionSet> With(params string[] models)
    {
        var data = new TheoryData<string, InstructionSet>();
        foreach (var set in CpuDevice.Available)
        {
            foreach (var model in models)
            {
                data.Add(model, set);
            }
        }

        return data;
    }

    private static double SftGradients(Fixture f, TrainingPass pass, bool splitRows, TrainingNoise noise = default)
    {
        var total = f.Lengths.Zip(f.PromptLengths, (length, prompt) => length - prompt).Sum();
        var (loss, rows) = (0.0, 0);
        for (var first = 0; first < f.Lengths.Length; first += splitRows ? 1 : f.Lengths.Length)
        {
            pass.Begin();
            for (var i = first; i < (splitRows ? first + 1 : f.Lengths.Length); i++)
            {
                pass.Batch.Add(f.Sequences[i], f.PromptLengths[i], f.Device, f.Decoder.Shape);
            }

            pass.Forward(noise with { Dropout = noise.Dropout with { FirstRow = (uint)rows } });
            rows += pass.Batch.Rows;
            var (logs, gradients) = (new float[pass.Batch.TargetCount], new float[pass.Batch.TargetCount]);
            pass.LanguageForward(logs, default);
            loss += CrossEntropy.TokenMean(logs, total, gradients);
            pass.Backward(gradients, default, default);
        }

        return loss;
    }

    private static void CheckGradients(Fixture f, FloatBuffer gradients) => CheckGradients(f.Decoder.Layout, f.Device, gradients, f.Tensors, "sft.grad.");

    private static void CheckGradients(ParameterLayout layout, IDevice device, FloatBuffer gradients, SafetensorsFile tensors, string prefix)
    {
        var largest = LargestOf(tensors, prefix);
        foreach (var parameter in layout.Parameters.Where(parameter => tensors.Tensors.ContainsKey(prefix + parameter.Name)))
        {
            CheckTensor(
                parameter.Name, tensors.ReadFloats(prefix + parameter.Name), Read(device, gradients.Slice(parameter.Offset, parameter.Length)), largest);
        }

        Assert.Contains(layout.Parameters, parameter => tensors.Tensors.ContainsKey(prefix + parameter.Name));
    }

    private static double LargestOf(SafetensorsFile tensors, string prefix) =>
        tensors.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Max(name => tensors.ReadFloats(name).Max(Math.Abs));

    private static void CheckTensor(string name, float[] expected, float[] actual, double largest)
    {
        Assert.True(Distance(expected, actual) <= (1e-4 * Norm(expected)) + 1e-6, $"{name}: {Distance(expected, actual)} of {Norm(expected)}");
        for (var i = 0; i < expected.Length; i++)
        {
            Near(expected[i], actual[i], (1e-5 * largest) + 1e-6);
        }
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum());

    private static double Norm(float[] a) => Math.Sqrt(a.Sum(x => (double)x * x));

    private static void Near(double expected, double actual, double tolerance) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance, $"expected {expected}, found {actual} (allowed {tolerance})");

    private static float[] Read(IDevice device, FloatBuffer buffer)
    {
        var values = new float[buffer.Length];
        device.CopyOut(buffer, values);
        return values;
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];

    /// <summary>A reference model with its fixture.</summary>
    private sealed class Fixture : IDisposable
    {
        public required IDevice Device { get; init; }

        public required Decoder Decoder { get; init; }

        public required SafetensorsFile Tensors { get; init; }

        public required JsonElement Json { get; init; }

        public int[] Lengths => Ints(Json.GetProperty("lengths"));

        public int[] PromptLengths => Ints(Json.GetProperty("prompt_lengths"));

        public int[][] Sequences => [.. Json.GetProperty("input_ids").EnumerateArray().Select((row, i) => Ints(row)[..Lengths[i]])];

        public int Width => Decoder.Config.Width;

        public int Columns => Json.GetProperty("input_ids")[0].GetArrayLength();

        public double SftLoss => Json.GetProperty("sft_loss").GetDouble();

        public float[] HiddenFinal => _hidden ??= Tensors.ReadFloats("hidden.final");

        public float[] NextLogProbabilities => _logs ??= Tensors.ReadFloats("next_logprobs");

        public float[] Entropies => _entropies ??= Tensors.ReadFloats("entropies");

        private float[]? _hidden;
        private float[]? _logs;
        private float[]? _entropies;

        public static Fixture Open(string model, InstructionSet set, bool trainable, HeadKind kind = HeadKind.Language, int threads = 2)
        {
            var device = CpuDevice.Create(threads, set);
            var oracle = model.Replace("-hubnames", "", StringComparison.Ordinal);
            return new Fixture
            {
                Device = device,
                Decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, kind, trainable),
                Tensors = SafetensorsFile.Open(ReferenceFiles.PathOf(oracle, "fixture.safetensors")),
                Json = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(oracle, "fixture.json"))).RootElement,
            };
        }

        public PackedBatch Batch(int fromToken)
        {
            var batch = new PackedBatch();
            foreach (var sequence in Sequences)
            {
                batch.Add(sequence, fromToken, Device, Decoder.Shape);
            }

            return batch;
        }

        public void EachRealRow(Action<int, int, int> action)
        {
            var row = 0;
            for (var sequence = 0; sequence < Lengths.Length; sequence++)
            {
                for (var t = 0; t < Lengths[sequence]; t++)
                {
                    action(row++, sequence, t);
                }
            }
        }

        public void Dispose()
        {
            Tensors.Dispose();
            Decoder.Dispose();
            Device.Dispose();
        }
    }
}
