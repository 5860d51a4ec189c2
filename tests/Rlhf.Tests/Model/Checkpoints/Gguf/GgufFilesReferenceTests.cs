using System.Text.Json;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Families;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>Whole GGUF files against what was found of them elsewhere.</summary>
public sealed class GgufFilesReferenceTests : IDisposable
{
    private const double Tolerance = 5e-5;

    private readonly TestFolder _folder = new();

    public static TheoryData<string> Files() => GgufReferences.Files();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Files))]
    public void Log_probabilities_are_the_references(string name)
    {
        var expected = GgufReferences.Json(name + ".expected.json");
        int[][] rows = [.. expected.GetProperty("input_ids").EnumerateArray().Select(GgufReferences.Ids)];
        double[] wanted = [.. expected.GetProperty("next_logprobs").EnumerateArray().SelectMany(GgufReferences.Numbers)];
        var found = GgufReferences.LogProbabilities(GgufReferences.PathOf(name + ".gguf"), rows);
        Assert.Equal(wanted.Length, found.Length);
        Assert.All(wanted.Zip(found), pair => Assert.Equal(pair.First, pair.Second, Tolerance));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void The_configuration_is_that_of_the_same_models_config_json(string name)
    {
        var expected = GgufReferences.Json(name + ".expected.json").GetProperty("config");
        var wanted = DecoderConfigReader.Read(expected, name);
        var found = Checkpoint.Open(GgufReferences.PathOf(name + ".gguf")).Config;
        if (found.EosTokenIds.Count == 0)
        {
            wanted = wanted with { BosTokenId = null, EosTokenIds = [] }; // a file without a vocabulary names no tokens
        }

        Assert.Equal(wanted.EosTokenIds, found.EosTokenIds);
        Assert.Equal(wanted with { EosTokenIds = [], Notes = [], RotaryScaling = null }, found with { EosTokenIds = [], Notes = [], RotaryScaling = null });
        var (scaled, read) = (RotaryTables.Frequencies(wanted, regime: 0), RotaryTables.Frequencies(found, regime: 0));
        Assert.All(scaled.Zip(read), pair => Assert.Equal(1, pair.First / pair.Second, 1e-5));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Weights_have_the_references_shapes_sums_and_values(string name)
    {
        RequireWeights(name, GgufReferences.PathOf(name + ".gguf"));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Texts_have_the_references_ids_and_come_back(string name)
    {
        RequireTexts(name, Checkpoint.Open(GgufReferences.PathOf(name + ".gguf")));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Saved_as_a_folder_it_has_the_same_weights_ids_and_configuration(string name)
    {
        var source = Checkpoint.Open(GgufReferences.PathOf(name + ".gguf"));
        var folder = _folder.PathOf("model");
        using (var device = Rlhf.Compute.Cpu.CpuDevice.Create(1))
        using (var decoder = source.Load(device, HeadKind.Language, trainable: true))
        {
            Checkpoint.Save(decoder, folder, source.Source, asReward: false);
        }

        var saved = Checkpoint.Open(folder);
        RequireWeights(name, folder);
        RequireTexts(name, saved);
        Assert.Equal(source.Config with { EosTokenIds = [], Notes = [] }, saved.Config with { EosTokenIds = [], Notes = [] });
        Assert.Equal(source.HasTokenizer ? source.Tokenizer.EndOfSequenceIds : [], saved.HasTokenizer ? saved.Tokenizer.EndOfSequenceIds : []);
        Assert.Equal(source.HasTokenizer && source.Tokenizer.ChatTemplate is not null, saved.HasTokenizer && saved.Tokenizer.ChatTemplate is not null);
    }

    private static void RequireTexts(string name, Checkpoint model)
    {
        var expected = GgufReferences.Json(name + ".expected.json").GetProperty("tokenizer");
        Assert.Equal(expected.ValueKind == JsonValueKind.Object, model.HasTokenizer);
        if (!model.HasTokenizer)
        {
            return;
        }

        var tokenizer = model.Tokenizer;
        Assert.Equal(expected.GetProperty("vocabulary").GetInt32(), tokenizer.VocabularySize);
        Assert.Equal(expected.GetProperty("bos").GetInt32(), tokenizer.BeginningOfSequence);
        Assert.Equal(expected.GetProperty("eos").GetInt32(), tokenizer.EndOfSequence);
        int[] start = expected.GetProperty("add_bos").GetBoolean() ? [expected.GetProperty("bos").GetInt32()] : [];
        foreach (var item in expected.GetProperty("cases").EnumerateArray())
        {
            var (text, ids) = (item.GetProperty("text").GetString()!, GgufReferences.Ids(item.GetProperty("ids")));
            Assert.Equal(ids, tokenizer.Encode(text));
            Assert.Equal([.. start, .. ids], tokenizer.Encode(text, addSpecialTokens: true));
            Assert.Equal(item.GetProperty("decoded").GetString(), tokenizer.Decode(ids, skipSpecialTokens: false));
        }
    }

    private static void RequireWeights(string name, string path)
    {
        var expected = GgufReferences.Json(name + ".expected.json").GetProperty("weights_in_hf_layout");
        using IStoredModel model = File.Exists(path) ? GgufModel.Open(path) : HuggingFaceFolder.Load(path);
        var layout = new ParameterLayout(model.Config);
        var parameters = new float[layout.Length];
        model.Read(new ParameterRange(0, layout.Length), (offset, values) => values.CopyTo(parameters.AsSpan((int)offset)));
        Assert.Equal(expected.EnumerateObject().Select(weight => weight.Name).Order(), layout.Parameters.Select(parameter => parameter.Name).Order());
        foreach (var parameter in layout.Parameters)
        {
            var wanted = expected.GetProperty(parameter.Name);
            var found = parameters.AsSpan((int)parameter.Offset, (int)parameter.Length).ToArray();
            Assert.Equal(GgufReferences.Ids(wanted.GetProperty("shape")), parameter.Shape);
            Assert.Equal(wanted.GetProperty("sum").GetDouble(), found.Sum(number => (double)number), 1e-4);
            Assert.Equal(wanted.GetProperty("sum_of_absolutes").GetDouble(), found.Sum(number => Math.Abs((double)number)), 1e-4);
            Assert.All(GgufReferences.Numbers(wanted.GetProperty("first")).Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
            Assert.Equal(wanted.GetProperty("last").GetDouble(), found[^1], 1e-6);
        }
    }
}
