using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Tests.Model.Checkpoints;

/// <summary>Adapters that PEFT wrote: what a base model with each of them computes, its merged weights, and broken ones.</summary>
public sealed class AdapterReferenceTests
{
    private const double Absolute = 5e-5;

    public static TheoryData<string> Adapters() =>
        [.. Directory.GetDirectories(PathOf()).Select(path => Path.GetFileName(path)!).Where(name => name != "broken").Order(StringComparer.Ordinal)];

    public static TheoryData<string> Broken() =>
        [.. Json("broken", "index.json").GetProperty("broken").EnumerateArray().Select(item => item.GetProperty("folder").GetString()!)];

    [Theory]
    [MemberData(nameof(Adapters))]
    public void A_model_with_the_adapter_computes_what_the_reference_does(string name)
    {
        var fixture = Json(name, "fixture.json");
        var rows = RowsOf(fixture);
        using var device = CpuDevice.Create(1);
        var isScorer = fixture.GetProperty("kind").GetString() == "rm";
        using var decoder = Checkpoint.Open(PathOf(name)).Load(device, isScorer ? HeadKind.Scalar : HeadKind.Language);
        using var scorer = new Scorer(decoder, 64);
        if (isScorer)
        {
            var expected = fixture.GetProperty("rewards").EnumerateArray().Select(value => value.GetDouble());
            Assert.All(expected.Zip(scorer.Rewards(rows)), pair => Assert.Equal(pair.First, pair.Second, Absolute));
            return;
        }

        using var tensors = SafetensorsFile.Open(PathOf(name, "fixture.safetensors"));
        var (all, width) = (tensors.ReadFloats("next_logprobs"), tensors.Tensors["next_logprobs"].Shape[1]);
        var reference = rows.SelectMany((row, i) => all.Skip((int)(i * width)).Take(row.Length - 1));
        var found = scorer.ResponseLogProbabilities(rows, [.. rows.Select(_ => 1)]).LogProbabilities;
        Assert.All(reference.Zip(found), pair => Assert.Equal(pair.First, pair.Second, Absolute));
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Written_as_one_model_it_has_the_merged_weights_and_computes_the_same(string name)
    {
        using var folder = new TestFolder();
        using var device = CpuDevice.Create(1);
        var source = Checkpoint.Open(PathOf(name));
        var kind = source.HasLanguageHead ? HeadKind.Language : HeadKind.Scalar;
        using (var decoder = source.Load(device, kind, trainable: true))
        {
            Checkpoint.Save(decoder, folder.PathOf("merged"), source.Source, asReward: kind == HeadKind.Scalar);
        }

        var fixture = Json(name, "fixture.json");
        using var ours = SafetensorsFile.Open(folder.PathOf("merged", "model.safetensors"));
        using var theirs = SafetensorsFile.Open(PathOf(name, "merged.safetensors"));
        foreach (var tensor in theirs.Tensors.Keys.Where(tensor => fixture.GetProperty("merged_equals_adapter").GetBoolean() && ours.Tensors.ContainsKey(tensor)))
        {
            Assert.All(theirs.ReadFloats(tensor).Zip(ours.ReadFloats(tensor)), pair => Assert.Equal(pair.First, pair.Second, 2e-5));
        }

        using var merged = Checkpoint.Open(folder.PathOf("merged")).Load(device, kind);
        using var beside = source.Load(device, kind);
        Assert.All(
            Results(beside, kind, fixture).Zip(Results(merged, kind, fixture)), pair => Assert.Equal(pair.First, pair.Second, (double)Absolute));
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Beside_frozen_weights_it_has_the_gradients_of_the_reference(string name)
    {
        if (Trained(name) is not { } trained)
        {
            return;
        }

        using (trained)
        {
            trained.Gradients();
            using var tensors = SafetensorsFile.Open(PathOf(name, "fixture.safetensors"));
            var gradients = trained.Pass.Optimizer.Gradients;
            var isUniform = trained.Decoder.Adapter!.Layout.IsUniform; // else B stands among zeros
            foreach (var parameter in trained.Decoder.Trained.Where(parameter => isUniform || parameter.Name.Contains("lora_A", StringComparison.Ordinal)))
            {
                Near(tensors.ReadFloats($"grad.base_model.model.{parameter.Name}"), trained.Read(parameter, gradients), 2e-5, parameter.Name);
            }

            if (trained.IsScorer)
            {
                var head = new Parameter("score.weight", [trained.Decoder.Config.EmbeddingWidth], trained.Decoder.ScalarWeight, true);
                Near(tensors.ReadFloats("grad.base_model.model.score.weight"), trained.Read(head, trained.Pass.Optimizer.Gradients), 2e-5, head.Name);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Steps_of_AdamW_end_at_the_numbers_of_the_reference(string name)
    {
        var fixture = Json(name, "fixture.json");
        if (!fixture.TryGetProperty("train_trace", out var trace))
        {
            return;
        }

        double Of(string key) => trace.GetProperty(key).GetDouble();
        var betas = trace.GetProperty("betas").EnumerateArray().Select(static beta => beta.GetDouble()).ToArray();
        var adam = new AdamOptions { Beta1 = betas[0], Beta2 = betas[1], Epsilon = Of("eps"), WeightDecay = Of("weight_decay") };
        using var trained = Trained(name, adam, Of("max_grad_norm"))!;
        foreach (var step in trace.GetProperty("steps").EnumerateArray())
        {
            Assert.Equal(step.GetProperty("loss_before").GetDouble(), trained.Gradients(), 1e-4);
            trained.Pass.Optimizer.Step(Of("lr"));
        }

        using var after = SafetensorsFile.Open(PathOf(name, "after_six_steps.safetensors"));
        foreach (var parameter in trained.Decoder.Trained)
        {
            Near(after.ReadFloats($"base_model.model.{parameter.Name}"), trained.Read(parameter, trained.Decoder.Parameters), 2e-3, parameter.Name);
        }
    }

    private static void Near(float[] expected, float[] found, double tolerance, string what)
    {
        Assert.Equal(expected.Length, found.Length);
        var scale = expected.Max(Math.Abs);
        Assert.All(
            expected.Zip(found), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= tolerance * (1 + scale), $"{what}: {pair.First} {pair.Second}"));
    }

    private static TrainedAdapter? Trained(string name, AdamOptions? adam = null, double? maxNorm = null)
    {
        var model = Checkpoint.Open(PathOf(name));
        return model.StandsApart ? new TrainedAdapter(model, Json(name, "fixture.json"), adam ?? new AdamOptions(), maxNorm) : null;
    }

    /// <summary>An adapter in training beside its frozen base.</summary>
    private sealed class TrainedAdapter : IDisposable
    {
        private readonly IDevice _device = CpuDevice.Create(2);
        private readonly JsonElement _fixture;

        public TrainedAdapter(Checkpoint model, JsonElement fixture, AdamOptions adam, double? maxNorm)
        {
            (_fixture, IsScorer) = (fixture, !model.HasLanguageHead);
            var kind = IsScorer ? HeadKind.Scalar : HeadKind.Language;
            using var weights = model.Beneath!.Load(_device, kind & HeadKind.Language);
            Decoder = model.LoadOn(weights, kind, trainable: true);
            Pass = new TrainingPass(Decoder, adam, maxNorm, "adapter");
        }

        public bool IsScorer { get; }

        public Decoder Decoder { get; }

        public TrainingPass Pass { get; }

        /// <summary>Adds the gradients of the fixture's loss, and gives the loss.</summary>
        public double Gradients()
        {
            var rows = RowsOf(_fixture);
            Pass.Begin();
            for (var i = 0; i < rows.Length; i++)
            {
                if (IsScorer)
                {
                    Pass.Batch.AddWithLastRow(rows[i], _device, Decoder.Shape);
                }
                else
                {
                    Pass.Batch.Add(rows[i], _fixture.GetProperty("prompt_lengths")[i].GetInt32(), _device, Decoder.Shape);
                }
            }

            return IsScorer ? RankingLoss(rows.Length) : LanguageLoss();
        }

        public float[] Read(Parameter parameter, FloatBuffer buffer)
        {
            var (inBuffer, inFile) = (new float[parameter.Length], new float[parameter.Length]);
            _device.CopyOut(buffer.Slice(parameter.Offset, parameter.Length), inBuffer);
            foreach (var (file, place, length) in parameter.Runs(0, parameter.Length))
            {
                inBuffer.AsSpan((int)place, (int)length).CopyTo(inFile.AsSpan((int)file));
            }

            return inFile;
        }

        public void Dispose()
        {
            Pass.Dispose();
            Decoder.Dispose();
            _device.Dispose();
        }

        private double LanguageLoss()
        {
            Pass.Forward();
            var (logs, gradients) = (new float[Pass.Batch.TargetCount], new float[Pass.Batch.TargetCount]);
            Pass.LanguageForward(logs, default);
            var loss = CrossEntropy.TokenMean(logs, logs.Length, gradients);
            Pass.Backward(gradients, default, default);
            return loss;
        }

        /// <summary>InstructGPT's (Ouyang 2022, equation 1): the mean over the pairs of a prompt, then over prompts.</summary>
        private double RankingLoss(int rows)
        {
            var (rewards, gradients, loss, first) = (new float[rows], new float[rows], 0.0, 0);
            Pass.Forward();
            Pass.ScalarForward(rewards);
            static int[] Ints(JsonElement list) => [.. list.EnumerateArray().Select(static item => item.GetInt32())];
            var rankings = _fixture.GetProperty("ranks").EnumerateArray().Select(Ints);
            foreach (var ranks in rankings)
            {
                var weight = 1.0 / (_fixture.GetProperty("ranks").GetArrayLength() * ranks.Length * (ranks.Length - 1) / 2);
                foreach (var (winner, loser) in ranks.SelectMany((_, i) => ranks.Select((_, j) => (i, j))).Where(pair => ranks[pair.i] < ranks[pair.j]))
                {
                    var lost = 1 / (1 + Math.Exp(rewards[first + winner] - rewards[first + loser]));
                    loss -= weight * Math.Log(1 - lost);
                    gradients[first + winner] -= (float)(weight * lost);
                    gradients[first + loser] += (float)(weight * lost);
                }

                first += ranks.Length;
            }

            Pass.Backward(default, default, gradients);
            return loss;
        }
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_broken_adapter_is_refused_with_a_sentence_that_names_the_folder(string name)
    {
        using var device = CpuDevice.Create(1);
        var refusal = Assert.Throws<InputException>(() =>
        {
            using var decoder = Checkpoint.Open(PathOf("broken", name), ReferenceFiles.PathOf("llama-tiny")).Load(device, HeadKind.Language);
        });
        Assert.Contains(PathOf("broken", name), refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_stands_on_the_model_that_is_named_or_on_its_own_and_changes_its_hash()
    {
        var adapter = Checkpoint.Open(PathOf("a-all-linear"));
        var bare = Checkpoint.Open(ReferenceFiles.PathOf("llama-tiny"));
        Assert.NotEqual(bare.Hash, adapter.Hash);
        Assert.Equal(adapter.Hash, Checkpoint.Open(PathOf("a-all-linear"), ReferenceFiles.PathOf("llama-tiny")).Hash);
        Assert.NotEqual(adapter.Hash, Checkpoint.Open(PathOf("b-rslora-qv")).Hash);
        Assert.Contains(
            "other model", Assert.Throws<InputException>(() => Checkpoint.Open(PathOf("a-all-linear"), ReferenceFiles.PathOf("qwen3-tiny")).Check()).Message,
            StringComparison.Ordinal);
    }

    private static float[] Results(Decoder decoder, HeadKind kind, JsonElement fixture)
    {
        var rows = RowsOf(fixture);
        using var scorer = new Scorer(decoder, 64);
        return kind == HeadKind.Scalar ? scorer.Rewards(rows) : scorer.ResponseLogProbabilities(rows, [.. rows.Select(_ => 1)]).LogProbabilities;
    }

    private static int[][] RowsOf(JsonElement fixture) =>
    [
        .. fixture.GetProperty("input_ids").EnumerateArray().Zip(fixture.GetProperty("lengths").EnumerateArray(), (row, length) =>
            row.EnumerateArray().Take(length.GetInt32()).Select(id => id.GetInt32()).ToArray()),
    ];

    private static string PathOf(params string[] parts) => ReferenceFiles.PathOf(["adapters", .. parts]);

    private static JsonElement Json(params string[] parts) => JsonDocument.Parse(File.ReadAllBytes(PathOf(parts))).RootElement;
}
