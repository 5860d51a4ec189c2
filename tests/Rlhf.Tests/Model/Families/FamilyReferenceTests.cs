using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Training;
using LanguageHead = Rlhf.Model.LanguageHead;

namespace Rlhf.Tests.Model.Families;

/// <summary>The decoders of all families against float64 oracles: hidden states, logits, log-probabilities, entropies, loss, gradients, greedy
/// text.</summary>
public sealed class FamilyReferenceTests
{
    private const double Absolute = 5e-5;

    public static TheoryData<string, string> Forms => FamilyFixture.Forms();

    [FamilyTheory]
    [MemberData(nameof(Forms))]
    public void Hidden_states_logits_log_probabilities_and_entropies_are_the_references(string model, string form)
    {
        using var f = FamilyFixture.Open(model, form);
        using var arena = new Arena(f.Device);
        var batch = f.Batch();
        var hidden = new DecoderPass(f.Decoder, arena).Forward(batch, Keep.Nothing);
        var head = new LanguageHead(f.Decoder, arena);
        var (logs, entropies) = (new float[batch.TargetCount], new float[batch.TargetCount]);
        head.Forward(hidden, batch, logs, entropies);
        var logits = Read(f.Device, head.Logits(hidden, batch));
        var states = Read(f.Device, hidden);
        var (width, vocabulary) = (f.Decoder.Config.EmbeddingWidth, f.Decoder.Config.VocabularySize);
        var (finalStates, allLogits) = (f.Tensors.ReadFloats("hidden.final"), f.Tensors.ReadFloats("logits"));
        var (nextLogs, allEntropies) = (f.Tensors.ReadFloats("next_logprobs"), f.Tensors.ReadFloats("entropies"));
        var at = 0;
        for (var sequence = 0; sequence < f.Lengths.Length; sequence++)
        {
            for (var t = 0; t < f.Lengths[sequence] - 1; t++, at++)
            {
                var row = (sequence * f.Columns) + t;
                Near(finalStates.AsSpan(row * width, width), states.AsSpan(at * width, width), Absolute, "hidden state");
                Near(allLogits.AsSpan(row * vocabulary, vocabulary), logits.AsSpan(at * vocabulary, vocabulary), Absolute, "logit");
                Near([nextLogs[(sequence * (f.Columns - 1)) + t]], [logs[at]], Absolute, "log-probability");
                Near([allEntropies[row]], [entropies[at]], Absolute, "entropy");
            }
        }

        Assert.Equal(batch.TargetCount, at);
    }

    [FamilyTheory]
    [MemberData(nameof(Forms))]
    public void The_sft_loss_and_every_gradient_are_the_references(string model, string form)
    {
        using var f = FamilyFixture.Open(model, form, trainable: true);
        using var pass = new TrainingPass(f.Decoder, new AdamOptions(), null, "policy");
        Assert.Equal(f.SftLoss, SftGradients(f, pass), 2e-5 + (1e-5 * f.SftLoss));
        var largest = f.Tensors.Tensors.Keys.Where(name => name.StartsWith("sft.grad.", StringComparison.Ordinal))
            .Max(name => f.Tensors.ReadFloats(name).Max(Math.Abs));
        foreach (var parameter in f.Decoder.Layout.Parameters)
        {
            var (expected, actual) = (f.Tensors.ReadFloats("sft.grad." + parameter.Name), f.InFileOrder(pass.Optimizer.Gradients, parameter));
            var distance = Math.Sqrt(expected.Zip(actual, (x, y) => ((double)x - y) * ((double)x - y)).Sum());
            var norm = Math.Sqrt(expected.Sum(x => (double)x * x));
            Assert.True(distance <= (1e-4 * norm) + 1e-6, $"{parameter.Name}: {distance} of {norm}");
            Near(expected, actual, (1e-5 * largest) + 1e-6, parameter.Name);
        }
    }

    [FamilyTheory]
    [MemberData(nameof(Forms))]
    public void Greedy_text_is_the_references_token_for_token(string model, string form)
    {
        using var f = FamilyFixture.Open(model, form);
        using var generator = new Generator(f.Decoder);
        foreach (var (prompt, continuation) in f.Greedy("greedy").Concat(f.Greedy("greedy_across_the_switch")))
        {
            var settings = new GenerationSettings
            {
                Sampling = new SamplingOptions { Temperature = 0 },
                MaxNewTokens = continuation.Length,
                EndIds = [],
                Seed = 1,
            };
            Assert.Equal(continuation, generator.Generate([prompt], settings)[0].Response);
        }
    }

    internal static double SftGradients(FamilyFixture f, TrainingPass pass, TrainingNoise noise = default)
    {
        var total = f.Lengths.Zip(f.PromptLengths, (length, prompt) => length - prompt).Sum();
        pass.Begin();
        for (var i = 0; i < f.Lengths.Length; i++)
        {
            pass.Batch.Add(f.Sequences[i], f.PromptLengths[i], f.Device, f.Decoder.Shape);
        }

        pass.Forward(noise);
        var (logs, gradients) = (new float[pass.Batch.TargetCount], new float[pass.Batch.TargetCount]);
        pass.LanguageForward(logs, default);
        var loss = CrossEntropy.TokenMean(logs, total, gradients);
        pass.Backward(gradients, default, default);
        return loss;
    }

    private static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= tolerance, $"{what} {i}: expected {expected[i]}, found {actual[i]} (allowed {tolerance})");
        }
    }

    private static float[] Read(IDevice device, FloatBuffer buffer)
    {
        var values = new float[buffer.Length];
        device.CopyOut(buffer, values);
        return values;
    }
}
