using Rlhf.Cli;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Tests.Cli;
using static Rlhf.Tests.Cli.TinyModels;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>Models written as GGUF files, read again.</summary>
public sealed class GgufExportTests : IDisposable
{
    private static readonly int[][] Rows = [[1, 7, 3, 30, 12, 5, 9, 9, 2], [40, 2, 17]];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    [InlineData("qwen3-tiny")]
    public void In_float32_every_weight_comes_back(string name)
    {
        var source = Checkpoint.Open(ReferenceFiles.PathOf(name));
        var path = _folder.PathOf("model.gguf");
        source.ExportGguf(path, GgufTensorType.F32, _ => { });
        var again = Checkpoint.Open(path);
        Assert.Equal(Parameters(ReferenceFiles.PathOf(name)), Parameters(path));
        Assert.Equal(source.Config.Width, again.Config.Width);
        Assert.Equal(source.Config.TiedEmbeddings, again.Config.TiedEmbeddings);
        Assert.Equal(source.Config.NormEpsilon, again.Config.NormEpsilon);
        Assert.Equal(source.Config.RotaryBase, again.Config.RotaryBase);
        Assert.Equal(GgufReferences.LogProbabilities(ReferenceFiles.PathOf(name), Rows), GgufReferences.LogProbabilities(path, Rows));
    }

    [Theory]
    [InlineData(GgufTensorType.F16, 0.001)]
    [InlineData(GgufTensorType.BF16, 0.01)]
    [InlineData(GgufTensorType.Q8_0, 0.01)]
    [InlineData(GgufTensorType.Q4_0, 0.15)]
    public void In_narrow_types_weights_come_back_rounded(GgufTensorType type, double share)
    {
        var source = ReferenceFiles.PathOf("llama-tiny");
        var path = _folder.PathOf("model.gguf");
        Checkpoint.Open(source).ExportGguf(path, type, _ => { });
        var (before, after) = (Parameters(source), Parameters(path));
        Assert.NotEqual(before, after);
        var largest = before.Max(MathF.Abs);
        Assert.All(before.Zip(after), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, share * largest));
    }

    [Fact]
    public void Blocks_that_were_decoded_are_encoded_to_the_same_values()
    {
        foreach (var type in (GgufTensorType[])[GgufTensorType.Q8_0, GgufTensorType.Q4_0, GgufTensorType.F16, GgufTensorType.BF16])
        {
            float[] values = [.. Enumerable.Range(0, 256).Select(i => MathF.Sin(i * 0.7f) * (1 + (i / 32)))];
            var (once, twice) = (Coded(type, values), Coded(type, Coded(type, values)));
            Assert.All(once.Zip(twice), pair => Assert.Equal(pair.First, pair.Second, 2e-3f * Math.Abs(pair.First) + 1e-6f));
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_that_was_read_is_written_with_the_same_tokenizer_and_rotary_scaling(string name)
    {
        var source = Checkpoint.Open(GgufReferences.PathOf(name + ".gguf"));
        var path = _folder.PathOf("again.gguf");
        source.ExportGguf(path, GgufTensorType.F32, _ => { });
        var again = Checkpoint.Open(path);
        Assert.Equal(Parameters(source.Folder), Parameters(path));
        var (scaled, read) = (RotaryTables.Frequencies(source.Config, regime: 0), RotaryTables.Frequencies(again.Config, regime: 0));
        Assert.All(scaled.Zip(read), pair => Assert.Equal(1, pair.First / pair.Second, 1e-6));
        Assert.Equal(source.HasTokenizer, again.HasTokenizer);
        if (source.HasTokenizer)
        {
            var (before, after) = (source.Tokenizer, again.Tokenizer);
            Assert.True(before.HasSameVocabulary(after));
            Assert.Equal(before.EndOfSequenceIds, after.EndOfSequenceIds);
            Assert.Equal(before.BeginningOfSequence, after.BeginningOfSequence);
            Assert.Equal(before.ChatTemplate?.Source, after.ChatTemplate?.Source);
            foreach (var text in (string[])["Hello world", "  two  spaces", "café 你好 😀", "12 + 408\n\ttab", "a<|im_end|>b", "don't"])
            {
                Assert.Equal(before.Encode(text, addSpecialTokens: true), after.Encode(text, addSpecialTokens: true));
            }
        }
    }

    [Fact]
    public void The_command_writes_both_forms_and_refuses_what_has_no_effect_or_no_place()
    {
        using var models = new TinyModels();
        var model = models.Language("model");
        var (file, folder) = (_folder.PathOf("out.gguf"), _folder.PathOf("out"));
        Assert.Equal(
            (ExitCode.Success, file + Environment.NewLine),
            CodeAndOutput("export", model, "--format", "gguf", "--type", "q8_0", "--out", file, "--quiet"));
        Assert.Equal(ExitCode.Success, CodeAndOutput(
            "export", model, "--format", "safetensors", "--dtype", "bf16", "--shard", "8KB", "--out", folder, "--quiet").Code);
        Assert.True(File.Exists(Path.Combine(folder, "model.safetensors.index.json")));
        Assert.Equal(Run("tokenize", "--model", model, "Name a fruit.").Output, Run("tokenize", "--model", folder, "Name a fruit.").Output);
        Assert.Equal(Run("tokenize", "--model", model, "Name a fruit.").Output, Run("tokenize", "--model", file, "Name a fruit.").Output);
        Assert.Equal(Parameters(model).Select(Rounded), Parameters(folder));

        Assert.Contains("is there already", Run("export", model, "--format", "gguf", "--out", file).Error, StringComparison.Ordinal);
        Assert.Contains("no effect", Run("export", model, "--format", "gguf", "--shard", "2GB", "--out", "x").Error, StringComparison.Ordinal);
        Assert.Contains("such as 2GB", Run("export", model, "--format", "safetensors", "--shard", "much", "--out", "x").Error, StringComparison.Ordinal);
        var reward = Run("export", models.Reward("reward"), "--format", "gguf", "--out", _folder.PathOf("r.gguf"));
        Assert.Contains("no scalar head", reward.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.PathOf("r.gguf")));
    }

    public static TheoryData<string> Files() => GgufReferences.Files();

    private static (int Code, string Output) CodeAndOutput(params string[] arguments)
    {
        var result = Run(arguments);
        return (result.Code, result.Output);
    }

    private static float Rounded(float value) => FloatFormats.FromBFloat16(FloatFormats.ToBFloat16(value));

    private static float[] Coded(GgufTensorType type, float[] values)
    {
        var blocks = new byte[values.Length / type.BlockLength() * type.BlockBytes()];
        Assert.Null(GgufQuantization.Encode(type, values, blocks));
        var decoded = new float[values.Length];
        GgufBlocks.Decode(type, blocks, decoded);
        return decoded;
    }

    private static float[] Parameters(string path)
    {
        using IStoredModel model = File.Exists(path) ? GgufModel.Open(path) : HuggingFaceFolder.Load(path);
        var layout = new ParameterLayout(model.Config);
        var parameters = new float[layout.Length];
        model.Read(new ParameterRange(0, layout.Length), (offset, values) => values.CopyTo(parameters.AsSpan((int)offset)));
        return parameters;
    }
}
