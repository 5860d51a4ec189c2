using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Sampling;
using Rlhf.Tests.Model.Checkpoints.Gguf;
using Rlhf.Tests.Model.Families;

namespace Rlhf.Tests.Model;

/// <summary>Models that are read in each storage: the reference folders, which are rounded, and the reference GGUF files, whose blocks are taken as they
/// are.</summary>
public sealed class BlockStorageReferenceTests
{
    private static readonly int[] PromptLengths = [3, 1, 5];

    public static TheoryData<string, WeightStorage?> Models() => InEach(Own());

    public static TheoryData<string, WeightStorage?> AllModels() =>
        InEach([.. Own(), .. FamilyFixture.Folders.Select(name => Path.Combine(FamilyFixture.Root, name))]);

    private static IEnumerable<string> Own() =>
    [
        .. ((string[])["gpt2-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny"]).Select(name => ReferenceFiles.PathOf(name)),
        .. Directory.EnumerateFiles(ReferenceFiles.PathOf("gguf"), "*.gguf").Order(StringComparer.Ordinal),
    ];

    private static TheoryData<string, WeightStorage?> InEach(IEnumerable<string> names)
    {
        var data = new TheoryData<string, WeightStorage?>();
        foreach (var name in names)
        {
            foreach (var storage in (WeightStorage?[])[null, .. Enum.GetValues<WeightStorage>()])
            {
                data.Add(Path.GetRelativePath(ReferenceFiles.Folder, name), storage);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(AllModels))]
    public void Numbers_have_the_bits_of_a_float32_model_that_was_rounded_before(string model, WeightStorage? storage)
    {
        using var device = CpuDevice.Create(2);
        using var narrow = Open(model).Load(device, HeadKind.Language, storage: storage);
        using var rounded = RoundedCopy(model, narrow);
        var (expected, found) = (NumbersOf(rounded), NumbersOf(narrow));
        Assert.Equal(expected, found);
        Assert.All(found, number => Assert.True(float.IsFinite(number)));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void What_is_sampled_is_scored_with_the_same_bits(string model, WeightStorage? storage)
    {
        using var device = CpuDevice.Create(2);
        using var decoder = Open(model).Load(device, HeadKind.Language, storage: storage);
        using var generator = new Generator(decoder);
        using var scorer = new Scorer(decoder, 64);
        var settings = new GenerationSettings { MaxNewTokens = 6, EndIds = [], Seed = 7 };
        var answers = generator.Generate([.. Sequences(decoder).Select(tokens => tokens[..5])], settings);
        var (logs, _) = scorer.ResponseLogProbabilities([.. answers.Select(answer => answer.Tokens)], [.. answers.Select(answer => answer.Prompt.Length)]);
        Assert.Equal(logs, answers.SelectMany(answer => answer.LogProbabilities));
    }

    [Theory]
    [MemberData(nameof(GgufReferences.Files), MemberType = typeof(GgufReferences))]
    public void Without_a_wish_nothing_of_a_file_is_rounded(string name)
    {
        var path = GgufReferences.PathOf(name + ".gguf");
        using var device = CpuDevice.Create(2);
        using var exact = Checkpoint.Open(path).Load(device, HeadKind.Language, storage: WeightStorage.F32);
        using var asStored = Checkpoint.Open(path).Load(device, HeadKind.Language, storage: null);
        Assert.Equal(NumbersOf(exact), NumbersOf(asStored));
    }

    [Theory]
    [InlineData(GgufTensorType.Q4_0, WeightStorage.Q4)]
    [InlineData(GgufTensorType.Q8_0, WeightStorage.Int8)]
    public void Blocks_of_a_written_file_are_kept_whichever_block_storage_is_wanted(GgufTensorType type, WeightStorage storage)
    {
        using var folder = new TestFolder();
        using var device = CpuDevice.Create(1);
        var path = folder.PathOf("model.gguf");
        Checkpoint.Open(ReferenceFiles.PathOf("llama-tiny")).ExportGguf(path, type, static _ => { });
        using var exact = Checkpoint.Open(path).Load(device, HeadKind.Language, storage: WeightStorage.F32);
        foreach (var wanted in (WeightStorage?[])[null, WeightStorage.Q4, WeightStorage.Int8])
        {
            using var narrow = Checkpoint.Open(path).Load(device, HeadKind.Language, storage: wanted);
            Assert.Equal(NumbersOf(exact), NumbersOf(narrow));
            Assert.Equal(storage, narrow.Weights.Linear(0, LinearRole.Qkv).Storage);
            Assert.Equal(WeightStorage.Int8, narrow.Weights.Head.Storage); // written files have 8 bits there
        }
    }

    [Fact]
    public void A_scale_that_is_not_finite_is_refused_by_name()
    {
        using var folder = new TestFolder();
        using var device = CpuDevice.Create(1);
        var path = folder.PathOf("model.gguf");
        Checkpoint.Open(ReferenceFiles.PathOf("llama-tiny")).ExportGguf(path, GgufTensorType.Q4_0, static _ => { });
        var tensor = GgufFile.Open(path).Tensors["blk.0.ffn_up.weight"];
        foreach (var (scale, message) in ((Half, string)[])[(Half.NaN, "not finite (element 32)"), (Half.MinValue, "use --storage f32")])
        {
            var bytes = File.ReadAllBytes(path);
            BitConverter.GetBytes(scale).CopyTo(bytes, tensor.Offset + tensor.Type.BlockBytes());
            var broken = folder.PathOf("broken.gguf");
            File.WriteAllBytes(broken, bytes);
            var error = Assert.Throws<InputException>(() => Checkpoint.Open(broken).Load(device, HeadKind.Language, storage: null));
            Assert.Contains("blk.0.ffn_up.weight", error.Message, StringComparison.Ordinal);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    private static Checkpoint Open(string model) => Checkpoint.Open(Path.GetFullPath(Path.Combine(ReferenceFiles.Folder, model)));

    private static int[][] Sequences(Decoder decoder) =>
        [.. Enumerable.Range(0, 3).Select(i => Enumerable.Range(0, 9 + (3 * i)).Select(t => ((i * 31) + (t * 7)) % decoder.Config.VocabularySize).ToArray())];

    private static float[] NumbersOf(Decoder decoder)
    {
        using var scorer = new Scorer(decoder, 64);
        var (logs, entropies) = scorer.ResponseLogProbabilities(Sequences(decoder), PromptLengths, 0.8);
        return [.. logs, .. entropies];
    }

    /// <summary>A float32 model with the numbers that products and lookups of another read. Where the embedding is not rounded with the head, it is not
    /// here.</summary>
    private static Decoder RoundedCopy(string model, Decoder narrow)
    {
        var device = narrow.Device;
        var copy = Open(model).Load(device, HeadKind.Language, trainable: true);
        var exact = new float[copy.Parameters.Length];
        device.CopyOut(copy.Parameters, exact);
        foreach (var matrix in narrow.Weights.All)
        {
            var (packed, flat) = (narrow.Weights.Packed(matrix, default), copy.Part(matrix.Offset, matrix.Length));
            device.UnpackWeights(new(packed, matrix.Inputs, matrix.Outputs, matrix.Layout, flat));
        }

        copy.Refresh();
        if (narrow.Weights.TokenTable is null)
        {
            var table = (long)narrow.Config.VocabularySize * narrow.Config.EmbeddingWidth;
            device.CopyIn(exact.AsSpan((int)narrow.Layout.TokenEmbedding, (int)table), copy.Part(narrow.Layout.TokenEmbedding, table));
        }

        return copy;
    }
}
