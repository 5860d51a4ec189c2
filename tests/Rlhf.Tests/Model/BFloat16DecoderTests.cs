using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Tests.Compute.OneDnn;
using Rlhf.Training;

namespace Rlhf.Tests.Model;

/// <summary>Decoders that compute in bfloat16 beside the same in float32.</summary>
public sealed class BFloat16DecoderTests
{
    // Operands keep 8 bits, so a product errs by 2^-9 of its operands at most, mostly less, and errors of many products partly cancel: a few per mille of a
    // state, and as many of a gradient.
    private const double Share = 0.02;

    [OneDnnTheory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen3-tiny")]
    public void Log_probabilities_loss_and_gradients_are_near_those_of_float32(string model)
    {
        var (exact, narrow) = (Step(model, Precision.F32), Step(model, Precision.Bf16));
        Assert.Equal(exact.Loss, narrow.Loss, 0.01 * exact.Loss);
        Assert.True(Distance(exact.Logs, narrow.Logs) / Math.Sqrt(exact.Logs.Length) < 0.02); // root mean square: the largest of so few is chance
        Assert.InRange(Distance(exact.Gradients, narrow.Gradients) / Norm(exact.Gradients), 1e-6, Share); // 0 would be float32 again
    }

    [OneDnnTheory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void Training_reaches_the_loss_of_float32(string model)
    {
        var (exact, narrow) = (Trained(model, Precision.F32, threads: 2), Trained(model, Precision.Bf16, threads: 2));
        Assert.True(exact.Losses[^1] < 0.7 * exact.Losses[0], "the model did not learn");
        Assert.All(exact.Losses.Zip(narrow.Losses), pair => Assert.InRange(pair.Second, 0.97 * pair.First, 1.03 * pair.First));
    }

    [OneDnnFact]
    public void Results_repeat_with_any_number_of_threads()
    {
        var one = Trained("gpt2-tiny", Precision.Bf16, threads: 1).Parameters;
        Assert.Equal(one, Trained("gpt2-tiny", Precision.Bf16, threads: 1).Parameters);
        Assert.Equal(one, Trained("gpt2-tiny", Precision.Bf16, threads: 3).Parameters);
    }

    [OneDnnTheory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void The_samplers_log_probabilities_are_near_the_trainers(string model)
    {
        using var device = CpuDevice.Create(2, precision: Precision.Bf16);
        using var decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: false);
        using var generator = new Generator(decoder);
        using var scorer = new Scorer(decoder, 64);
        var settings = new GenerationSettings { Sampling = new SamplingOptions { Temperature = 0.8 }, MaxNewTokens = 24, EndIds = [3, 17, 50], Seed = 7 };
        var answers = generator.Generate([.. Sequences(model).Select(tokens => tokens[..Math.Min(11, tokens.Length)])], settings);
        var (logs, _) = scorer.ResponseLogProbabilities([.. answers.Select(answer => answer.Tokens)], [.. answers.Select(answer => answer.Prompt.Length)], 0.8);
        var sampled = answers.SelectMany(answer => answer.LogProbabilities).ToArray();
        Assert.Equal(logs.Length, sampled.Length);
        Assert.True(logs.Zip(sampled, (a, b) => Math.Abs(a - b)).Max() < 0.02);
    }

    private static (double Loss, float[] Logs, float[] Gradients) Step(string model, Precision precision)
    {
        using var device = CpuDevice.Create(2, precision: precision);
        using var decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: true);
        using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy");
        var (loss, logs) = Differentiate(pass, Sequences(model));
        return (loss, logs, Read(device, pass.Optimizer.Gradients));
    }

    private static (double[] Losses, float[] Parameters) Trained(string model, Precision precision, int threads)
    {
        using var device = CpuDevice.Create(threads, precision: precision);
        using var decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: true);
        using var pass = new TrainingPass(decoder, new AdamOptions(), 1, "policy");
        var sequences = Sequences(model);
        var losses = new double[15];
        for (var step = 0; step < losses.Length; step++)
        {
            losses[step] = Differentiate(pass, sequences).Loss;
            pass.Optimizer.Step(3e-3);
        }

        return (losses, Read(device, decoder.Parameters));
    }

    private static (double Loss, float[] Logs) Differentiate(TrainingPass pass, int[][] sequences)
    {
        pass.Begin();
        foreach (var sequence in sequences)
        {
            pass.Batch.Add(sequence, 1, pass.Decoder.Device, pass.Decoder.Shape);
        }

        pass.Forward();
        var (logs, gradients) = (new float[pass.Batch.TargetCount], new float[pass.Batch.TargetCount]);
        pass.LanguageForward(logs, default);
        var loss = CrossEntropy.TokenMean(logs, logs.Length, gradients);
        pass.Backward(gradients, default, default);
        return (loss, logs);
    }

    private static int[][] Sequences(string model)
    {
        var fixture = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(model, "fixture.json"))).RootElement;
        var lengths = fixture.GetProperty("lengths").EnumerateArray().Select(length => length.GetInt32()).ToArray();
        return [.. fixture.GetProperty("input_ids").EnumerateArray()
            .Select((row, i) => row.EnumerateArray().Take(lengths[i]).Select(id => id.GetInt32()).ToArray())];
    }

    private static float[] Read(IDevice device, FloatBuffer buffer)
    {
        var values = new float[buffer.Length];
        device.CopyOut(buffer, values);
        return values;
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum());

    private static double Norm(float[] a) => Math.Sqrt(a.Sum(x => (double)x * x));
}
