using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;

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
        Assert.Equal(Results(beside, kind, fixture), Results(merged, kind, fixture));
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
