using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Families;
using Rlhf.Tests.Compute.OneDnn;
using Rlhf.Training;

namespace Rlhf.Tests.Model;

/// <summary>The last block is computed for target rows alone: a row that is no target is one whose output has a gradient of zero.</summary>
public sealed class TargetRowsTests
{
    private const int PromptLength = 9;
    private const string Wide = "wide "; // then a family: 64 query columns can be computed by themselves
    private static readonly int[][] Sequences = [[.. Enumerable.Range(3, 17)], [.. Enumerable.Range(20, 26)], [.. Enumerable.Range(1, 12)]];

    public static TheoryData<string, InstructionSet, bool> Models()
    {
        var data = new TheoryData<string, InstructionSet, bool>();
        foreach (var set in CpuDevice.Available)
        {
            foreach (var model in new[] { "gpt2-tiny", "llama-tiny", "qwen3-tiny", Wide + "gpt2", Wide + "qwen2", Wide + "qwen3" })
            {
                data.Add(model, set, false);
                data.Add(model, set, true);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Log_probabilities_and_gradients_have_the_bits_of_a_pass_that_wants_all_rows(string model, InstructionSet set, bool recompute)
    {
        var (wanted, wantedGradients) = Train(model, set, recompute, PromptLength);
        var (all, allGradients) = Train(model, set, recompute, firstTarget: 1);

        Assert.Equal(all, wanted);
        Assert.Equal(allGradients, wantedGradients);
        Assert.Contains(wantedGradients, static gradient => gradient != 0);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_batch_without_targets_gives_no_gradient(string model, InstructionSet set, bool recompute)
    {
        var (logProbabilities, gradients) = Train(model, set, recompute, firstTarget: int.MaxValue);

        Assert.Empty(logProbabilities);
        Assert.All(gradients, static gradient => Assert.Equal(0f, gradient));
    }

    [OneDnnTheory]
    [InlineData("gpt2")]
    [InlineData("qwen3")]
    public void Log_probabilities_in_bfloat16_have_the_same_bits_and_gradients_differ_by_rounding(string family)
    {
        var (wanted, wantedGradients) = Train(Wide + family, CpuDevice.Available[0], recompute: false, PromptLength, Precision.Bf16);
        var (all, allGradients) = Train(Wide + family, CpuDevice.Available[0], recompute: false, firstTarget: 1, Precision.Bf16);

        Assert.Equal(all, wanted);
        var norm = Math.Sqrt(allGradients.Sum(static gradient => (double)gradient * gradient));
        var distance = Math.Sqrt(allGradients.Zip(wantedGradients, static (a, b) => ((double)a - b) * ((double)a - b)).Sum());
        Assert.True(norm > 0.01 && distance <= 1e-3 * norm,
            $"{distance} of {norm}"); // oneDNN pairs the rows that there are; sums that differ in float32 may round differently in bfloat16 (2^-9)
    }

    /// <summary>log p of the responses and all gradients, with dropout and noise; targets before the response have a gradient of zero.</summary>
    private static (float[] LogProbabilities, float[] Gradients) Train(
        string model, InstructionSet set, bool recompute, int firstTarget, Precision precision = Precision.F32)
    {
        using var device = CpuDevice.Create(2, set, precision);
        using var decoder = Open(device, model);
        using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy", recompute);
        pass.Begin();
        List<float> slopes = [];
        foreach (var sequence in Sequences)
        {
            pass.Batch.Add(sequence, firstTarget, device, decoder.Shape);
            for (var t = Math.Max(1, firstTarget); t < sequence.Length; t++)
            {
                slopes.Add(t < PromptLength ? 0 : 0.1f * (t - 12.5f));
            }
        }

        pass.Forward(new TrainingNoise(new Dropout(0.2f, 5, 1, 3), 5));
        var logProbabilities = new float[pass.Batch.TargetCount];
        pass.LanguageForward(logProbabilities, default);
        pass.Backward(slopes.ToArray(), default, default);
        var gradients = new float[pass.Optimizer.Gradients.Length];
        device.CopyOut(pass.Optimizer.Gradients, gradients);
        return ([.. logProbabilities.Where((_, i) => slopes[i] != 0)], gradients);
    }

    private static Decoder Open(IDevice device, string model)
    {
        if (!model.StartsWith(Wide, StringComparison.Ordinal))
        {
            return Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: true);
        }

        var family = model[Wide.Length..];
        var config = DecoderConfig.FromShape(ModelFamilies.Find(family)!, 101, 64, 2, 4, 64, keyValueHeads: family == "gpt2" ? null : 2);
        return FreshDecoder.Create(device, config, HeadKind.Language, trainable: true);
    }
}
