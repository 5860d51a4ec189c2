using System.Text.Json.Nodes;
using Rlhf.Model.Checkpoints;
using Rlhf.World;

namespace Rlhf.Tests.Model.Checkpoints;

public sealed class HuggingFaceFolderTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt2-tiny", TensorType.F32)]
    [InlineData("gpt2-tiny-hubnames", TensorType.F32)]
    [InlineData("llama-tiny", TensorType.F32)]
    [InlineData("llama-tiny-bf16", TensorType.BF16)]
    [InlineData("qwen2-tiny", TensorType.F32)]
    [InlineData("qwen3-tiny", TensorType.F32)]
    public void Every_reference_model_loads_with_exact_bits(string name, TensorType type) => CheckBits(ReferenceFiles.PathOf(name), type);

    [DataFact("stories260k/model.safetensors")]
    public void A_real_model_loads_with_exact_bits() => CheckBits(ReferenceFiles.DataPathOf("stories260k"), TensorType.F32);

    private static void CheckBits(string path, TensorType type)
    {
        var plain = PlainSafetensors.Read(Path.Combine(path, "model.safetensors"));
        using var model = HuggingFaceFolder.Load(path);
        var buffer = model.ReadParameters();
        Assert.Equal(type, model.StoredType);
        Assert.Null(model.Score);
        Assert.True(model.HasLanguageHead);
        foreach (var parameter in model.Layout.Parameters)
        {
            var expected = (plain.GetValueOrDefault(parameter.Name) ?? plain[parameter.Name["transformer.".Length..]]).Floats();
            var actual = buffer.AsSpan((int)parameter.Offset, (int)parameter.Length);
            Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), actual.ToArray().Select(BitConverter.SingleToInt32Bits));
            actual.Clear();
        }

        Assert.All(buffer, gap => Assert.Equal(0, gap));
    }

    [Fact]
    public void Buffers_of_other_programs_are_ignored()
    {
        var gpt2 = Changed("gpt2-tiny", tensors => tensors["transformer.h.1.attn.masked_bias"] = new("F32", [], new byte[4]));
        var llama = Changed("llama-tiny", tensors => tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = new("F32", [4], new byte[16]));
        Load(gpt2);
        Load(llama);
    }

    [Fact]
    public void A_stored_head_of_a_tied_model_must_be_the_embedding()
    {
        Load(Changed("qwen2-tiny", tensors => tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]));
        var different = Changed("qwen2-tiny", tensors =>
        {
            var embedding = tensors["model.embed_tokens.weight"];
            tensors["lm_head.weight"] = embedding with { Bytes = [.. embedding.Bytes[..^1], (byte)(embedding.Bytes[^1] ^ 1)] };
        });
        Assert.Contains("tie_word_embeddings", Refusal(different));
    }

    [Fact]
    public void Missing_unexpected_and_misshapen_tensors_are_named_together()
    {
        var message = Refusal(Changed("llama-tiny", tensors =>
        {
            tensors.Remove("model.norm.weight");
            tensors["model.extra.weight"] = new("F32", [1], new byte[4]);
            tensors["lm_head.weight"] = tensors["lm_head.weight"] with { Shape = [.. tensors["lm_head.weight"].Shape.Reverse()] };
            var gate = tensors["model.layers.0.mlp.gate_proj.weight"];
            tensors["model.layers.0.mlp.gate_proj.weight"] = gate with { Type = "I32" };
        }));
        Assert.Contains("missing: model.norm.weight", message);
        Assert.Contains("unexpected: \"model.extra.weight\"", message);
        Assert.Contains("lm_head.weight is [32, 101] instead of [101, 32]", message);
        Assert.Contains("gate_proj.weight is I32", message);
    }

    [Theory]
    [InlineData("q_proj.bias")]
    [InlineData("rotary_emb.inv_freq.weight")]
    public void A_tensor_that_would_change_the_result_is_not_taken_for_a_buffer(string name) => Assert.Contains(
        "unexpected", Refusal(Changed("llama-tiny", tensors => tensors["model.layers.0.self_attn." + name] = new("F32", [1], new byte[4]))));

    [Fact]
    public void Numbers_that_are_not_finite_are_refused_when_they_are_read()
    {
        var path = Changed("llama-tiny", tensors =>
        {
            var norm = tensors["model.norm.weight"];
            tensors["model.norm.weight"] = norm with { Bytes = [.. norm.Bytes[..4], 0, 0, 0xC0, 0x7F, .. norm.Bytes[8..]] };
        });
        using var model = HuggingFaceFolder.Load(path);
        var message = Assert.Throws<InputException>(() => model.ReadParameters()).Message;
        Assert.Contains("model.norm.weight", message);
        Assert.Contains("element 1", message);
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("/etc/outside.safetensors")]
    [InlineData("inner/outside.safetensors")]
    [InlineData("..\\outside.safetensors")]
    [InlineData("c:outside.safetensors")]
    [InlineData(".safetensors")]
    [InlineData("pytorch_model.bin")]
    [InlineData("")]
    public void An_index_cannot_lead_out_of_its_folder(string shard)
    {
        var path = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.Delete(Path.Combine(path, "model.safetensors"));
        WriteIndex(path, new JsonObject { ["model.norm.weight"] = shard });
        Assert.Contains("without a path", Refusal(path));
    }

    [Fact]
    public void Index_and_shards_must_belong_together()
    {
        var path = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        var tensors = PlainSafetensors.Read(Path.Combine(path, "model.safetensors"));
        File.Move(Path.Combine(path, "model.safetensors"), Path.Combine(path, "all.safetensors"));
        var map = new JsonObject(tensors.Keys.Select(name => KeyValuePair.Create(name, (JsonNode?)"all.safetensors")));
        WriteIndex(path, map);
        Load(path);
        map["model.absent.weight"] = "all.safetensors";
        WriteIndex(path, map);
        Assert.Contains("model.absent.weight", Refusal(path));
        map.Remove("model.absent.weight");
        map.Remove("model.norm.weight");
        WriteIndex(path, map);
        Assert.Contains("not in the index", Refusal(path));
        map["model.norm.weight"] = "absent.safetensors";
        WriteIndex(path, map);
        Assert.Contains("absent.safetensors", Refusal(path));
    }

    [Fact]
    public void Folders_without_a_whole_model_are_refused()
    {
        Assert.Contains("no such model folder", Refusal(_folder.PathOf("absent")));
        Assert.Contains("config.json", Refusal(_folder.Path));
        var path = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.WriteAllText(Path.Combine(path, "model.safetensors.index.json"), "{}");
        Assert.Contains("both", Refusal(path));
        File.Delete(Path.Combine(path, "model.safetensors"));
        Assert.Contains("weight_map", Refusal(path));
        File.Delete(Path.Combine(path, "model.safetensors.index.json"));
        Assert.Contains("neither", Refusal(path));
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public void A_model_beside_an_adapter_is_refused_as_is_an_adapter_alone(string file)
    {
        var path = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.WriteAllText(Path.Combine(path, file), "{}");
        Assert.Contains($"adapter ({file})", Refusal(path));
        Assert.Contains("beside the model", Refusal(path));
        File.Delete(Path.Combine(path, "config.json"));
        File.Delete(Path.Combine(path, "model.safetensors"));
        var message = Assert.Throws<InputException>(() => Checkpoint.Open(path).Check()).Message;
        Assert.Contains(file == AdapterConfig.FileName ? "adapter_config.json: peft_type" : "not a whole model", message);
    }

    [Theory]
    [InlineData("{\"model_type\": \"llama\",\n  oops}", ":2:3:")]
    [InlineData("[]", "object")]
    [InlineData("{\"model_type\": \"\\ud800\"}", "Unicode")]
    [InlineData("{\"a\": 1, \"a\": 2}", "JSON")]
    [InlineData("", "JSON")]
    public void A_broken_configuration_is_refused_with_its_place(string config, string message)
    {
        var path = _folder.CopyOf(ReferenceFiles.PathOf("llama-tiny"));
        File.WriteAllText(Path.Combine(path, "config.json"), config);
        Assert.Contains(message, Refusal(path));
    }

    [Fact]
    public void A_reward_model_of_another_program_needs_no_bias_and_no_language_head()
    {
        var width = 32;
        var path = Changed("llama-tiny", tensors =>
        {
            tensors.Remove("lm_head.weight");
            width = (int)tensors["model.norm.weight"].Shape[0];
            tensors["score.weight"] = new("F32", [1, width], [.. Enumerable.Range(0, width).SelectMany(i => BitConverter.GetBytes(0.5f * i))]);
        });
        using var model = HuggingFaceFolder.Load(path);
        Assert.False(model.HasLanguageHead);
        Assert.Equal(Enumerable.Range(0, width).Select(i => 0.5f * i), model.Score!.Weight);
        Assert.Equal(0, model.Score.Bias);
        Assert.All(model.ReadParameters().AsSpan((int)model.Layout.Head, (int)model.Layout["lm_head.weight"].Length).ToArray(),
            value => Assert.Equal(0, value));
    }

    private string Changed(string name, Action<Dictionary<string, PlainTensor>> change)
    {
        var path = _folder.CopyOf(ReferenceFiles.PathOf(name));
        var weights = Path.Combine(path, "model.safetensors");
        var tensors = PlainSafetensors.Read(weights);
        change(tensors);
        PlainSafetensors.Write(weights, tensors);
        return path;
    }

    private static void WriteIndex(string path, JsonObject map) => File.WriteAllText(
        Path.Combine(path, "model.safetensors.index.json"), new JsonObject { ["weight_map"] = map.DeepClone() }.ToJsonString());

    private static void Load(string path)
    {
        using var model = HuggingFaceFolder.Load(path);
        model.ReadParameters();
    }

    private static string Refusal(string path) => Assert.Throws<InputException>(() => HuggingFaceFolder.Load(path)).Message;
}
