using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.World;

namespace Rlhf.Tests.Model.Checkpoints;

/// <summary>
/// What Transformers' <c>AutoModelForSequenceClassification</c> computes from a reward model folder: weight . h, h at the last token that is not the
/// configuration's padding
/// token. A batch without such a token is an error there.
/// </summary>
public sealed class ExportedRewardTests : IDisposable
{
    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    /// <summary>Where the rule reads each row's score.</summary>
    internal static int[] ScoredPositions(int[][] batch, int padding) => [.. batch.Select(row => Array.FindLastIndex(row, id => id != padding))];

    /// <summary>The rule of versions before 2025: the token before the first padding token.</summary>
    internal static int[] ScoredPositionsOfOlderVersions(int[][] batch, int padding) =>
        [.. batch.Select(
            row => (Array.IndexOf(row, padding) - 1 + row.Length + 1) % (row.Length + 1) is var last && last >= row.Length ? row.Length - 1 : last)];

    internal static int[][] Padded(IReadOnlyList<int[]> sequences, int padding) =>
        [.. sequences.Select(row => (int[])[.. row, .. Enumerable.Repeat(padding, sequences.Max(other => other.Length) - row.Length)])];

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void Other_programs_compute_the_same_scores_in_a_padded_batch(string name)
    {
        var fixture = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(name, "reward.json"))).RootElement;
        using var tensors = SafetensorsFile.Open(ReferenceFiles.PathOf(name, "reward.safetensors"));
        var lengths = fixture.GetProperty("lengths").EnumerateArray().Select(length => length.GetInt32()).ToArray();
        var sequences = fixture.GetProperty("input_ids").EnumerateArray()
            .Select((row, i) => row.EnumerateArray().Take(lengths[i]).Select(id => id.GetInt32()).ToArray()).ToArray();
        var padding = Enumerable.Range(0, 101).First(id => !sequences.Any(row => row.Contains(id)));
        var folder = Written(name, new ScoreHead(tensors.ReadFloats("score.weight"), Shift: -0.75f), padding);

        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        Assert.Equal(padding, (int)config["pad_token_id"]!);
        Assert.Equal(-0.75f, (float)config["score_shift"]!);
        Assert.Single(config["id2label"]!.AsObject());
        var stored = PlainSafetensors.Read(Path.Combine(folder, "model.safetensors"));
        Assert.DoesNotContain("score.bias", stored.Keys);
        var batch = Padded(sequences, padding);
        Assert.Equal(lengths.Select(length => length - 1), ScoredPositions(batch, padding));
        Assert.Equal(lengths.Select(length => length - 1), ScoredPositionsOfOlderVersions(batch, padding));

        var hidden = tensors.ReadFloats("last_hidden");
        var weight = stored["score.weight"].Floats();
        var theirs = sequences.Select((_, i) => weight.Select((w, c) => (double)w * hidden[(i * weight.Length) + c]).Sum()).ToArray();
        var ours = Scores(folder, sequences, shifted: false);
        Assert.All(theirs.Zip(ours), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(ours.Zip(Scores(folder, sequences, shifted: true)), pair => Assert.Equal(pair.First - 0.75f, pair.Second, 1e-6));
    }

    [Fact]
    public void A_padding_token_that_ends_answers_or_is_none_is_not_kept()
    {
        var source = _temporary.CopyOf(ReferenceFiles.PathOf("gpt2-tiny"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        foreach (var (padding, kept) in new (int, bool)[] { ((int)config["eos_token_id"]!, false), (3, true), (-1, false), (101, false) })
        {
            config["pad_token_id"] = padding;
            File.WriteAllText(Path.Combine(source, "config.json"), config.ToJsonString());
            var written = JsonNode.Parse(File.ReadAllText(Path.Combine(Written(source, new ScoreHead(new float[32]), padding: null), "config.json")))!;
            Assert.Equal(kept ? padding : null, (int?)written["pad_token_id"]);
        }
    }

    [Fact]
    public void Labels_of_the_base_model_do_not_make_a_head_of_their_number()
    {
        var source = _temporary.CopyOf(ReferenceFiles.PathOf("gpt2-tiny"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        (config["_num_labels"], config["id2label"], config["label2id"]) =
            (2, new JsonObject { ["0"] = "A", ["1"] = "B" }, new JsonObject { ["A"] = 0, ["B"] = 1 });
        File.WriteAllText(Path.Combine(source, "config.json"), config.ToJsonString());

        var written = JsonNode.Parse(File.ReadAllText(Path.Combine(Written(source, new ScoreHead(new float[32]), padding: 3), "config.json")))!.AsObject();

        Assert.Equal("{\"0\":\"LABEL_0\"}", written["id2label"]!.ToJsonString());
        Assert.Equal("{\"LABEL_0\":0}", written["label2id"]!.ToJsonString());
        Assert.False(written.ContainsKey("_num_labels"));
    }

    [Fact]
    public void A_folder_with_a_bias_scores_with_it()
    {
        var folder = Written("gpt2-tiny", new ScoreHead(new float[32], Bias: 0.25f, Shift: 1), padding: 3);
        Assert.Equal([0.25f, 0.25f], Scores(folder, [[1, 2], [3]], shifted: false));
        Assert.Equal([1.25f, 1.25f], Scores(folder, [[1, 2], [3]], shifted: true));
    }

    [Theory]
    [InlineData("\"much\"")]
    [InlineData("1e99")]
    [InlineData("[1]")]
    public void A_shift_that_is_no_number_is_refused(string shift)
    {
        var folder = Written("gpt2-tiny", new ScoreHead(new float[32], Shift: 1), padding: 3);
        var file = Path.Combine(folder, "config.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("\"score_shift\": 1", $"\"score_shift\": {shift}", StringComparison.Ordinal));
        Assert.Contains("score_shift", Assert.Throws<InputException>(() => HuggingFaceFolder.Load(folder)).Message, StringComparison.Ordinal);
    }

    private string Written(string source, ScoreHead head, int? padding)
    {
        using var model = HuggingFaceFolder.Load(Path.IsPathRooted(source) ? source : ReferenceFiles.PathOf(source));
        var path = _temporary.PathOf(Guid.NewGuid().ToString("N"));
        HuggingFaceWriter.Save(path, model.Config, model.ReadParameters(), new SaveOptions { Score = head, Source = model.Source, PaddingId = padding });
        return path;
    }

    private static float[] Scores(string folder, int[][] sequences, bool shifted)
    {
        using var device = CpuDevice.Create();
        using var decoder = Checkpoint.Open(folder).Load(device, HeadKind.Scalar, shifted: shifted);
        using var scorer = new Scorer(decoder, 100);
        return scorer.Rewards(sequences);
    }
}
