using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Tests.Stages.Ppo;

/// <summary>The PPO and PPO-ptx gradients of a whole model with a value head on a shared trunk against the float64 oracle.</summary>
public sealed class PpoReferenceTests
{
    public static TheoryData<InstructionSet> Sets() => [.. CpuDevice.Available];

    [Theory]
    [MemberData(nameof(Sets))]
    public void Ppo_and_ptx_losses_and_gradients_are_the_references(InstructionSet set)
    {
        using var device = CpuDevice.Create(2, set);
        using var decoder = Checkpoint.Open(ReferenceFiles.PathOf("gpt2-tiny")).Load(device, HeadKind.Language | HeadKind.Scalar, trainable: true);
        using var tensors = SafetensorsFile.Open(ReferenceFiles.PathOf("gpt2-tiny", "ppo.safetensors"));
        var json = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf("gpt2-tiny", "ppo_model.json"))).RootElement;
        device.CopyIn(tensors.ReadFloats("value.weight"), decoder.ScalarWeights);
        device.CopyIn(tensors.ReadFloats("value.bias"), decoder.ScalarBiases);
        using var pass = new TrainingPass(decoder, new AdamOptions(), null, "policy");

        var (ids, prompts, responses) = (Rows(json, "input_ids"), Ints(json.GetProperty("prompt_lengths")), Ints(json.GetProperty("response_lengths")));
        float[] Packed(string name) => [.. Enumerable.Range(0, responses.Length).SelectMany(row =>
            json.GetProperty(name)[row].EnumerateArray().Take(responses[row]).Select(value => (float)value.GetDouble()))];
        pass.Begin();
        for (var row = 0; row < ids.Length; row++)
        {
            pass.Batch.Add(ids[row].AsSpan(0, prompts[row] + responses[row]), prompts[row], device, decoder.Shape);
        }

        pass.Forward();
        var n = responses.Sum();
        var (logs, entropies, values) = (new float[n], new float[n], new float[n]);
        pass.LanguageForward(logs, entropies);
        pass.ScalarForward(values);
        AllNear(Packed("new_logprobs"), logs, 5e-5);
        AllNear(Packed("new_values"), values, 5e-5);

        var options = json.GetProperty("hyperparameters");
        var (gradient, valueGradient) = (new float[n], new float[n]);
        var policy = PpoPolicyLoss.Compute(
            logs, Packed("old_logprobs"), Packed("advantages_whitened"), entropies, n, options.GetProperty("cliprange").GetDouble(), null, 0, gradient, out _);
        var value = PpoValueLoss.Compute(
            values, Packed("old_values"), Packed("returns"), options.GetProperty("cliprange_value").GetDouble(), options.GetProperty("vf_coef").GetDouble(), n,
            valueGradient);
        Near(json.GetProperty("pg_loss").GetDouble(), policy.PolicyLoss, 3e-5);
        Near(json.GetProperty("vf_loss").GetDouble(), value.Loss, 3e-5);
        pass.Backward(gradient, default, valueGradient);
        Check(decoder, pass, tensors, "ppo.grad.");

        var (text, lengths) = (Rows(json, "ptx_input_ids"), Ints(json.GetProperty("ptx_lengths")));
        pass.Begin();
        for (var row = 0; row < text.Length; row++)
        {
            pass.Batch.Add(text[row].AsSpan(0, lengths[row]), 1, device, decoder.Shape);
        }

        pass.Forward();
        var (textLogs, textGradient) = (new float[pass.Batch.TargetCount], new float[pass.Batch.TargetCount]);
        pass.LanguageForward(textLogs, default);
        var coefficient = options.GetProperty("ptx_coef").GetDouble();
        var loss = CrossEntropy.TokenMean(textLogs, textLogs.Length, textGradient, coefficient);
        Near(json.GetProperty("ptx_loss").GetDouble() * coefficient, loss, 1e-4);
        pass.Backward(textGradient, default, default);
        Check(decoder, pass, tensors, "total.grad.");
    }

    private static void Check(Decoder decoder, TrainingPass pass, SafetensorsFile tensors, string prefix)
    {
        var largest = tensors.Tensors.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Max(name => tensors.ReadFloats(name).Max(Math.Abs));
        var parts = decoder.Layout.Parameters.Select(parameter => (parameter.Name, parameter.Offset, parameter.Length))
            .Append(("value.weight", decoder.ScalarWeight, decoder.Config.Width)).Append(("value.bias", decoder.ScalarBias, 1));
        foreach (var (name, offset, length) in parts)
        {
            var expected = tensors.ReadFloats(prefix + name);
            var actual = new float[length];
            decoder.Device.CopyOut(pass.Optimizer.Gradients.Slice(offset, length), actual);
            var distance = Math.Sqrt(expected.Zip(actual, (x, y) => ((double)x - y) * ((double)x - y)).Sum());
            Assert.True(distance <= (1e-4 * Math.Sqrt(expected.Sum(x => (double)x * x))) + 1e-6, $"{prefix}{name}: {distance}");
            AllNear(expected, actual, (1e-5 * largest) + 1e-6);
        }
    }

    private static void AllNear(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Near(expected[i], actual[i], tolerance);
        }
    }

    private static void Near(double expected, double actual, double tolerance) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance, $"expected {expected}, found {actual} (allowed {tolerance})");

    private static int[][] Rows(JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray().Select(Ints)];

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];
}
