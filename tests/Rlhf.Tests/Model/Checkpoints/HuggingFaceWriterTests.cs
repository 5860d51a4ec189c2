using System.Text.Json.Nodes;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Families;
using Rlhf.World;

namespace Rlhf.Tests.Model.Checkpoints;

public sealed class HuggingFaceWriterTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, TensorType, long> Forms()
    {
        var data = new TheoryData<string, TensorType, long>();
        foreach (var name in new[] { "gpt2-tiny", "llama-tiny", "llama-tiny-bf16", "qwen2-tiny", "qwen3-tiny" })
        {
            foreach (var type in new[] { TensorType.F32, TensorType.F16, TensorType.BF16 })
            {
                data.Add(name, type, long.MaxValue);
                data.Add(name, type, 10_000);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void What_is_written_reads_and_writes_again_as_the_same_bytes(string name, TensorType type, long maxShardBytes)
    {
        var first = Resaved(ReferenceFiles.PathOf(name), type, maxShardBytes);
        var second = Resaved(first, type, maxShardBytes);
        Assert.Equal(maxShardBytes < long.MaxValue, File.Exists(Path.Combine(first, "model.safetensors.index.json")));
        AssertSameFiles(first, second);
        Assert.Equal(DurableFiles.ContentHash(first), DurableFiles.ContentHash(second));
    }

    [Theory]
    [InlineData("gpt2-tiny", TensorType.F32)]
    [InlineData("llama-tiny", TensorType.F32)]
    [InlineData("llama-tiny-bf16", TensorType.BF16)]
    [InlineData("qwen3-tiny", TensorType.F32)]
    public void Saving_in_the_stored_type_gives_the_bytes_of_the_original_file(string name, TensorType type)
    {
        var saved = Resaved(ReferenceFiles.PathOf(name), type, long.MaxValue);
        Assert.Equal(File.ReadAllBytes(ReferenceFiles.PathOf(name, "model.safetensors")), File.ReadAllBytes(Path.Combine(saved, "model.safetensors")));
    }

    [Fact]
    public void Public_gpt2_names_are_written_in_full()
    {
        var saved = Resaved(ReferenceFiles.PathOf("gpt2-tiny-hubnames"), TensorType.F32, long.MaxValue);
        Assert.Equal(File.ReadAllBytes(ReferenceFiles.PathOf("gpt2-tiny", "model.safetensors")), File.ReadAllBytes(Path.Combine(saved, "model.safetensors")));
    }

    [Fact]
    public void Shards_stay_below_their_limit_and_the_index_counts_their_bytes()
    {
        const long Limit = 20_000;
        var saved = Resaved(ReferenceFiles.PathOf("llama-tiny"), TensorType.F32, Limit);
        var shards = Directory.GetFiles(saved, "model-*-of-*.safetensors");
        Assert.True(shards.Length > 1);
        var sizes = shards.Select(shard => PlainSafetensors.Read(shard).Values.Sum(tensor => (long)tensor.Bytes.Length)).ToList();
        Assert.All(sizes, size => Assert.InRange(size, 1, Limit));
        var index = JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "model.safetensors.index.json")))!;
        Assert.Equal(sizes.Sum(), (long)index["metadata"]!["total_size"]!);
    }

    [Fact]
    public void The_configuration_keeps_everything_but_architecture_and_type()
    {
        var saved = Resaved(ReferenceFiles.PathOf("llama-tiny"), TensorType.BF16, long.MaxValue);
        var expected = JsonNode.Parse(File.ReadAllText(ReferenceFiles.PathOf("llama-tiny", "config.json")))!;
        expected["torch_dtype"] = "bfloat16";
        Assert.Equal(expected.ToJsonString(), JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "config.json")))!.ToJsonString());
    }

    [Fact]
    public void Tokenizer_files_are_carried_along_byte_for_byte()
    {
        var source = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.WriteAllText(Path.Combine(source, "tokenizer.json"), "{ \"odd\" :  1}");
        File.WriteAllText(Path.Combine(source, "generation_config.json"), "{\"temperature\": 0.6, \"eos_token_id\": [1, 2]}");
        File.WriteAllText(Path.Combine(source, "private.txt"), "not a tokenizer file");
        var saved = Resaved(source, TensorType.F32, long.MaxValue);
        Assert.Equal("{ \"odd\" :  1}", File.ReadAllText(Path.Combine(saved, "tokenizer.json")));
        Assert.Equal("{\"temperature\": 0.6, \"eos_token_id\": [1, 2]}", File.ReadAllText(Path.Combine(saved, "generation_config.json")));
        Assert.False(File.Exists(Path.Combine(saved, "private.txt")));
    }

    [Fact]
    public void A_changed_end_of_sequence_reaches_both_files()
    {
        var source = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.WriteAllText(Path.Combine(source, "generation_config.json"), "{\"temperature\": 0.6, \"eos_token_id\": [1, 2]}");
        using var model = HuggingFaceFolder.Load(source);
        var saved = _folder.PathOf("saved");
        HuggingFaceWriter.Save(saved, model.Config with { EosTokenIds = [7] }, model.ReadParameters(), new SaveOptions { Source = model.Source });
        using var again = HuggingFaceFolder.Load(saved);
        Assert.Equal([7], again.Config.EosTokenIds);
        var generation = JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "generation_config.json")))!;
        Assert.Equal(7, (int)generation["eos_token_id"]!);
        Assert.Equal(0.6, (double)generation["temperature"]!);
    }

    [Theory]
    [InlineData("gpt2-tiny", TensorType.F32, "GPT2ForSequenceClassification")]
    [InlineData("llama-tiny", TensorType.BF16, "LlamaForSequenceClassification")]
    [InlineData("qwen3-tiny", TensorType.F32, "Qwen3ForSequenceClassification")]
    public void A_reward_model_keeps_its_head_and_shift(string name, TensorType type, string architecture)
    {
        using var model = HuggingFaceFolder.Load(ReferenceFiles.PathOf(name));
        var head = new ScoreHead([.. Enumerable.Range(0, model.Config.Width).Select(i => i - 7.5f)], Shift: -0.1234567f);
        var first = _folder.PathOf("first");
        HuggingFaceWriter.Save(first, model.Config, model.ReadParameters(), new SaveOptions { Type = type, Score = head, Source = model.Source });
        using var reward = HuggingFaceFolder.Load(first);
        Assert.Equal(head.Weight, reward.Score!.Weight);
        Assert.Equal((0, head.Shift), (reward.Score.Bias, reward.Score.Shift));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(first, "config.json")))!;
        Assert.Equal(architecture, (string)config["architectures"]![0]!);
        Assert.Equal(1, (int)config["num_labels"]!);
        var names = PlainSafetensors.Read(Path.Combine(first, "model.safetensors")).Keys;
        Assert.DoesNotContain("lm_head.weight", names);
        Assert.DoesNotContain("score.bias", names);

        var second = _folder.PathOf("second");
        HuggingFaceWriter.Save(second, reward.Config, reward.ReadParameters(), new SaveOptions { Type = type, Score = reward.Score, Source = reward.Source });
        AssertSameFiles(first, second);
    }

    [Fact]
    public void The_bias_of_an_older_reward_model_survives_a_program_that_drops_its_tensor()
    {
        using var model = HuggingFaceFolder.Load(ReferenceFiles.PathOf("gpt2-tiny"));
        var saved = _folder.PathOf("saved");
        HuggingFaceWriter.Save(saved, model.Config, model.ReadParameters(), new SaveOptions { Score = new ScoreHead(new float[model.Config.Width], 0.7f) });
        var weights = Path.Combine(saved, "model.safetensors");
        var tensors = PlainSafetensors.Read(weights);
        tensors.Remove("score.bias");
        PlainSafetensors.Write(weights, tensors);
        using (var again = HuggingFaceFolder.Load(saved))
        {
            Assert.Equal(0.7f, again.Score!.Bias);
        }

        tensors["score.bias"] = new PlainTensor("F32", [1], BitConverter.GetBytes(0.5f));
        PlainSafetensors.Write(weights, tensors);
        Assert.Contains("contradicts", Assert.Throws<InputException>(() => HuggingFaceFolder.Load(saved)).Message);
    }

    [Fact]
    public void A_language_model_from_a_reward_model_says_nothing_of_scores()
    {
        using var model = HuggingFaceFolder.Load(ReferenceFiles.PathOf("gpt2-tiny"));
        var reward = _folder.PathOf("reward");
        HuggingFaceWriter.Save(
            reward, model.Config, model.ReadParameters(), new SaveOptions { Score = new ScoreHead(new float[model.Config.Width], 1), Source = model.Source });
        var back = _folder.PathOf("back");
        using (var loaded = HuggingFaceFolder.Load(reward))
        {
            HuggingFaceWriter.Save(back, loaded.Config, loaded.ReadParameters(), new SaveOptions { Source = loaded.Source });
        }

        AssertSameFiles(Resaved(ReferenceFiles.PathOf("gpt2-tiny"), TensorType.F32, long.MaxValue), back);
    }

    [Theory]
    [InlineData("""{"torch_dtype": "bfloat16"}""", "torch_dtype")]
    [InlineData("""{"dtype": "bfloat16"}""", "dtype")]
    [InlineData("""{"torch_dtype": "bfloat16", "dtype": "bfloat16"}""", "torch_dtype", "dtype")]
    [InlineData("{}", "torch_dtype")]
    public void Every_key_that_tells_the_number_type_tells_the_written_one(string keys, params string[] expected)
    {
        var config = JsonNode.Parse(File.ReadAllText(ReferenceFiles.PathOf("llama-tiny", "config.json")))!.AsObject();
        config.Remove("torch_dtype");
        foreach (var (key, value) in JsonNode.Parse(keys)!.AsObject())
        {
            config[key] = value!.DeepClone();
        }

        var source = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.WriteAllText(Path.Combine(source, "config.json"), config.ToJsonString());
        var saved = JsonNode.Parse(File.ReadAllText(Path.Combine(Resaved(source, TensorType.F32, long.MaxValue), "config.json")))!.AsObject();
        Assert.Equal(expected, new[] { "torch_dtype", "dtype" }.Where(saved.ContainsKey));
        Assert.All(expected, key => Assert.Equal("float32", (string)saved[key]!));
    }

    [Fact]
    public void Code_that_is_not_carried_along_is_not_named()
    {
        var source = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        config["auto_map"] = new JsonObject { ["AutoModelForCausalLM"] = "own.OwnModel" };
        File.WriteAllText(Path.Combine(source, "config.json"), config.ToJsonString());
        Assert.DoesNotContain("auto_map", File.ReadAllText(Path.Combine(Resaved(source, TensorType.F32, long.MaxValue), "config.json")));
    }

    [Theory]
    [MemberData(nameof(ParameterLayoutTests.Models), MemberType = typeof(ParameterLayoutTests))]
    public void A_model_from_scratch_reads_as_it_was_written(string family, bool tied)
    {
        var config = DecoderConfig.FromShape(ModelFamilies.Find(family)!, 50, 24, 2, 4, 16, tiedEmbeddings: tied, bosTokenId: 1, eosTokenIds: [2]);
        var parameters = new float[new ParameterLayout(config).Length];
        foreach (var parameter in new ParameterLayout(config).Parameters)
        {
            for (var i = 0; i < parameter.Length; i++)
            {
                parameters[parameter.Offset + i] = parameter.Offset + (i * 0.25f);
            }
        }

        var saved = _folder.PathOf("scratch");
        HuggingFaceWriter.Save(saved, config, parameters, new SaveOptions());
        using var model = HuggingFaceFolder.Load(saved);
        Assert.Equal(parameters, model.ReadParameters());
        Assert.Equal(2, (int)JsonNode.Parse(File.ReadAllText(Path.Combine(saved, "generation_config.json")))!["eos_token_id"]!);
        Assert.Throws<InvalidOperationException>(() => HuggingFaceWriter.Save(saved, config, parameters, new SaveOptions()));
    }

    [Fact]
    public void A_number_too_large_for_the_type_is_named_and_leaves_no_model_behind()
    {
        using var model = HuggingFaceFolder.Load(ReferenceFiles.PathOf("gpt2-tiny"));
        var parameters = model.ReadParameters();
        parameters[model.Layout["transformer.ln_f.weight"].Offset + 3] = 1e5f;
        var path = _folder.PathOf("model");
        var message = Assert.Throws<RunFailedException>(() => DurableFiles.ReplaceFolderAtomically(
            path, at => HuggingFaceWriter.Save(at, model.Config, parameters, new SaveOptions { Type = TensorType.F16 }))).Message;
        Assert.Contains("transformer.ln_f.weight", message);
        Assert.Contains("100000", message);
        Assert.False(Directory.Exists(path));
    }

    private string Resaved(string source, TensorType type, long maxShardBytes)
    {
        using var model = HuggingFaceFolder.Load(source);
        var path = _folder.PathOf(Guid.NewGuid().ToString("N"));
        DurableFiles.ReplaceFolderAtomically(path, at => HuggingFaceWriter.Save(
            at, model.Config, model.ReadParameters(), new SaveOptions { Type = type, MaxShardBytes = maxShardBytes, Source = model.Source }));
        return path;
    }

    private static void AssertSameFiles(string first, string second)
    {
        var names = Directory.GetFiles(first).Select(Path.GetFileName).Order().ToList();
        Assert.Equal(names, Directory.GetFiles(second).Select(Path.GetFileName).Order());
        foreach (var name in names)
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(first, name!)), File.ReadAllBytes(Path.Combine(second, name!)));
        }
    }
}
