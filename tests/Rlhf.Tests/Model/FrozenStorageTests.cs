using Rlhf.Compute;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.World;

namespace Rlhf.Tests.Model;

/// <summary>Frozen models whose matrices are stored in bfloat16.</summary>
public sealed class FrozenStorageTests
{
    private const HeadKind Heads = HeadKind.Language | HeadKind.Scalar;
    private static readonly int[][] Sequences =
        [.. Enumerable.Range(0, 6).Select(i => Enumerable.Range(0, 9 + (3 * i)).Select(t => ((i * 31) + (t * 7)) % 60).ToArray())];
    private static readonly int[] PromptLengths = [3, 3, 4, 5, 6, 1];

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    [InlineData("qwen3-tiny")]
    public void Log_probabilities_and_values_have_the_bits_of_a_model_whose_matrices_were_rounded_before(string model)
    {
        using var device = CpuDevice.Create(2);
        using var exact = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, Heads, trainable: true);
        GiveScalarHead(exact);
        using var narrow = new Decoder(device, exact.Config, Heads, trainable: false, WeightStorage.Bf16);
        narrow.CopyFrom(exact);
        narrow.Freeze();
        using var rounded = RoundedCopy(exact);

        var (expected, found) = (NumbersOf(rounded), NumbersOf(narrow));
        Assert.Equal(expected, found);
        Assert.All(found, number => Assert.True(float.IsFinite(number)));
        Assert.NotEqual(NumbersOf(exact), found);
    }

    [Theory]
    [InlineData("gpt2-tiny", HeadKind.Language)]
    [InlineData("gpt2-tiny", HeadKind.Scalar)]
    [InlineData("llama-tiny", HeadKind.Language)]
    public void Its_packed_matrices_take_half_of_the_memory_as_the_plan_says(string model, HeadKind kind)
    {
        var (exact, whole, _) = Held(model, kind, WeightStorage.F32);
        var (narrow, half, config) = Held(model, kind, WeightStorage.Bf16);
        Assert.Equal(whole / 2, half);

        // A tied embedding is looked up in the head's copy; another one is flat in float32, and has a copy of its own in bfloat16.
        var isHead = config.TiedEmbeddings && kind.HasFlag(HeadKind.Language);
        Assert.Equal(whole - half + (isHead ? 0 : TableBytes(WeightStorage.F32) - TableBytes(WeightStorage.Bf16)), exact - narrow);
        Assert.Equal(exact - narrow, Planned(WeightStorage.F32) - Planned(WeightStorage.Bf16));

        long Planned(WeightStorage storage)
        {
            using var device = Devices.CreateCounting();
            using var decoder = new Decoder(device, config, kind, trainable: false, storage);
            decoder.Freeze();
            return device.HeldBytes;
        }

        long TableBytes(WeightStorage storage)
        {
            using var device = CpuDevice.Create(1);
            return sizeof(float) * (storage == WeightStorage.F32
                ? (long)config.VocabularySize * config.Width
                : device.PackedLength(config.Width, config.VocabularySize, storage));
        }
    }

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void What_is_sampled_from_it_is_scored_with_the_same_bits(string model)
    {
        using var device = CpuDevice.Create(2);
        using var decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, HeadKind.Language, trainable: false, WeightStorage.Bf16);
        using var generator = new Generator(decoder);
        using var scorer = new Scorer(decoder, 64);
        var answers = generator.Generate([.. Sequences.Select(tokens => tokens[..5])], new GenerationSettings { MaxNewTokens = 12, EndIds = [3], Seed = 7 });
        var (logs, _) = scorer.ResponseLogProbabilities([.. answers.Select(answer => answer.Tokens)], [.. answers.Select(answer => answer.Prompt.Length)]);
        Assert.Equal(logs, answers.SelectMany(answer => answer.LogProbabilities));
    }

    [Fact]
    public void A_model_that_is_trained_has_no_rounded_copies()
    {
        using var device = CpuDevice.Create(1);
        Assert.Throws<ArgumentException>(
            () => Checkpoint.Open(ReferenceFiles.PathOf("gpt2-tiny")).Load(device, HeadKind.Language, trainable: true, WeightStorage.Bf16));
    }

    private static float[] NumbersOf(Decoder decoder)
    {
        using var scorer = new Scorer(decoder, 64);
        var (logs, entropies) = scorer.ResponseLogProbabilities(Sequences, PromptLengths, 0.8);
        return [.. logs, .. entropies, .. scorer.ResponseValues(Sequences, PromptLengths), .. scorer.Rewards(Sequences)];
    }

    private static void GiveScalarHead(Decoder decoder) =>
        decoder.Device.CopyIn(
            [.. Enumerable.Range(0, decoder.Config.Width).Select(static i => MathF.Sin(i))], decoder.ScalarWeights);

    /// <summary>A float32 model whose matrices were rounded, its embedding table among them.</summary>
    private static Decoder RoundedCopy(Decoder exact)
    {
        var device = exact.Device;
        var copy = new Decoder(device, exact.Config, Heads, trainable: false);
        device.Copy(exact.Parameters, copy.Parameters);
        var table = new ParameterRange(copy.Layout.TokenEmbedding, (long)copy.Config.VocabularySize * copy.Config.EmbeddingWidth);
        var matrices = MatricesOf(copy).Select(static matrix => new ParameterRange(matrix.Offset, (long)matrix.Inputs * matrix.Outputs));
        foreach (var matrix in matrices.Append(table).Distinct())
        {
            var values = new float[matrix.Length];
            var part = copy.Part(matrix.Offset, values.Length);
            device.CopyOut(part, values);
            device.CopyIn([.. values.Select(static value => BFloat16.Widen(BFloat16.Round(value)))], part);
        }

        copy.Refresh();
        return copy;
    }

    private static IEnumerable<PackedWeights> MatricesOf(Decoder decoder) =>
    [
        .. Enumerable.Range(0, decoder.Config.Layers).SelectMany(layer => Enum.GetValues<LinearRole>().Select(role => decoder.Weights.Linear(layer, role))),
        .. (decoder.Kind & HeadKind.Language) != 0 ? [decoder.Weights.Head] : Array.Empty<PackedWeights>(),
    ];

    private static (long HeldBytes, long PackedBytes, DecoderConfig Config) Held(string model, HeadKind kind, WeightStorage storage)
    {
        using var device = CpuDevice.Create(1);
        using var decoder = Checkpoint.Open(ReferenceFiles.PathOf(model)).Load(device, kind, trainable: false, storage);
        return (device.HeldBytes, MatricesOf(decoder)
            .Sum(matrix => sizeof(float) * device.PackedLength(matrix.Inputs, matrix.Outputs, storage)), decoder.Config);
    }
}
