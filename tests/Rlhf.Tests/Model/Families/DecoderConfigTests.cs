using System.Text.Json.Nodes;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.World;

namespace Rlhf.Tests.Model.Families;

public sealed class DecoderConfigTests
{
    private static JsonObject Config(string family) =>
        JsonNode.Parse(File.ReadAllText(ReferenceFiles.PathOf(family + "-tiny", "config.json")))!.AsObject();

    private static DecoderConfig Read(JsonObject json) => DecoderConfigReader.Read(DecoderConfigWriter.ToElement(json), "config.json");

    private static DecoderConfig ReadWith(string family, string key, string value)
    {
        var json = Config(family);
        json[key] = JsonNode.Parse(value);
        return Read(json);
    }

    private static DecoderConfig ReadWithAll(string family, string keys)
    {
        var json = Config(family == "mistral" ? "llama" : family);
        json["model_type"] = family;
        foreach (var (key, value) in JsonNode.Parse(keys)!.AsObject())
        {
            json[key] = value?.DeepClone();
        }

        return Read(json);
    }

    [Theory]
    [InlineData("gpt2", "n_embd", "n_layer", "n_head", "n_positions")]
    [InlineData("llama", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")]
    [InlineData("qwen2", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")]
    [InlineData("qwen3", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings")]
    public void Shapes_come_from_the_file(string family, string width, string layers, string heads, string context)
    {
        var json = Config(family);
        var config = Read(json);
        Assert.Equal((int)json["vocab_size"]!, config.VocabularySize);
        Assert.Equal((int)json[width]!, config.Width);
        Assert.Equal((int)json[layers]!, config.Layers);
        Assert.Equal((int)json[heads]!, config.Heads);
        Assert.Equal((int)json[context]!, config.ContextLength);
        Assert.Equal((int)json["bos_token_id"]!, config.BosTokenId);
        Assert.Equal([(int)json["eos_token_id"]!], config.EosTokenIds);
        Assert.Equal((int?)json["head_dim"] ?? config.Width / config.Heads, config.HeadWidth);
        Assert.Equal((int?)json["num_key_value_heads"] ?? config.Heads, config.KeyValueHeads);
        Assert.Equal((bool?)json["tie_word_embeddings"] ?? true, config.TiedEmbeddings);
        Assert.Equal((double?)json["rms_norm_eps"] ?? (double)json["layer_norm_epsilon"]!, config.NormEpsilon);
        Assert.Equal((double?)json["rope_theta"] ?? 10_000, config.RotaryBase);
        Assert.Equal(family == "gpt2", config.WeightsAreInputMajor);
        Assert.Equal(family is "gpt2" or "qwen2", config.QkvBias);
        Assert.Equal(family == "qwen3" ? QueryKeyNorm.EachHead : QueryKeyNorm.None, config.QueryKeyNorm);
        Assert.Empty(config.Notes);
    }

    [Theory]
    [InlineData("gpt2", "activation_function", "\"silu\"")]
    [InlineData("gpt2", "scale_attn_weights", "false")]
    [InlineData("gpt2", "scale_attn_by_inverse_layer_idx", "true")]
    [InlineData("gpt2", "add_cross_attention", "true")]
    [InlineData("gpt2", "is_encoder_decoder", "true")]
    [InlineData("gpt2", "rope_theta", "10000")]
    [InlineData("gpt2", "n_inner", "\"wide\"")]
    [InlineData("gpt2", "n_inner", "-4")]
    [InlineData("gpt2", "n_head", "3")]
    [InlineData("gpt2", "n_layer", "0")]
    [InlineData("gpt2", "n_layer", "2.5")]
    [InlineData("gpt2", "vocab_size", "99999999999")]
    [InlineData("gpt2", "eos_token_id", "101")]
    [InlineData("gpt2", "eos_token_id", "[1, true]")]
    [InlineData("gpt2", "layer_norm_epsilon", "-1e-5")]
    [InlineData("gpt2", "quantization_config", "{\"bits\": 4}")]
    [InlineData("llama", "quantization_config", "{}")]
    [InlineData("llama", "hidden_act", "\"gelu\"")]
    [InlineData("llama", "pretraining_tp", "2")]
    [InlineData("llama", "rope_interleaved", "true")]
    [InlineData("llama", "num_key_value_heads", "3")]
    [InlineData("llama", "head_dim", "7")]
    [InlineData("llama", "logit_scale", "0.5")]
    [InlineData("llama", "final_logit_softcapping", "30.0")]
    [InlineData("llama", "num_local_experts", "8")]
    [InlineData("llama", "sliding_window", "32")]
    [InlineData("llama", "tie_word_embeddings", "\"yes\"")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"linear\"}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 2.0, \"attention_factor\": 0.5}")]
    [InlineData("llama", "rope_scaling",
        "{\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 4.0, \"high_freq_factor\": 1.0, \"original_max_position_embeddings\": 16}")]
    [InlineData("llama", "rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 5.0}")]
    [InlineData("llama", "something_new", "3")]
    [InlineData("llama", "quantization", "{\"group_size\": 64, \"bits\": 4}")]
    [InlineData("llama", "compression_config", "{\"format\": \"pack-quantized\"}")]
    [InlineData("llama", "dual_chunk_attention_config", "{\"chunk_size\": 8}")]
    [InlineData("llama", "pruned_heads", "{\"0\": [1]}")]
    [InlineData("llama", "embedding_multiplier", "12.0")]
    [InlineData("qwen2", "attention_bias", "true")]
    [InlineData("qwen2", "layer_types", "[\"full_attention\", \"sliding_attention\"]")]
    [InlineData("llama", "model_type", "\"gemma3\"")]
    [InlineData("llama", "layer_types", "[\"full_attention\", \"sliding_attention\"]")]
    [InlineData("qwen2", "mlp_bias", "true")]
    [InlineData("llama", "rope_scaling", "{\"type\": \"dynamic\", \"factor\": 0.5}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"dynamic\", \"factor\": 2.0, \"original_max_position_embeddings\": 7}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 2.0, \"beta_fast\": 1, \"beta_slow\": 32}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 2.0, \"partial_rotary_factor\": 0.5, \"mscales\": 1}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"longrope\", \"factor\": 2.0, \"short_factor\": [1], \"long_factor\": [1]}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"longrope\", \"factor\": 2.0, \"short_factor\": \"one\", \"long_factor\": [1]}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"proportional\", \"factor\": 2.0}")]
    [InlineData("llama", "model_type", "null")]
    public void What_is_not_implemented_or_impossible_is_refused(string family, string key, string value)
    {
        Read(Config(family)); // the rest of the file is sound
        var exception = Assert.Throws<InputException>(() => ReadWith(family, key, value));
        Assert.StartsWith("config.json", exception.Message);
    }

    [Fact]
    public void A_refusal_names_every_key_with_its_value()
    {
        var json = Config("llama");
        json["rope_interleaved"] = true;
        json["num_experts"] = 8;
        json["rope_scaling"] = new JsonObject { ["rope_type"] = "other" };
        json.Remove("hidden_size");
        var message = Assert.Throws<InputException>(() => Read(json)).Message;
        Assert.Contains("\"rope_interleaved\": true", message);
        Assert.Contains("\"num_experts\": 8", message);
        Assert.Contains("\"rope_scaling.rope_type\": \"other\"", message);
        Assert.Contains("\"hidden_size\" is missing", message);
    }

    [Fact]
    public void A_model_of_more_than_text_is_refused_with_the_name_of_its_text_part()
    {
        var message = Assert.Throws<InputException>(() => ReadWithAll("llama", """{"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}}""")).Message;
        Assert.Contains("its text part alone, saved as a model of its own, would be gemma3_text", message);
    }

    [Theory]
    [InlineData("gpt2", "reorder_and_upcast_attn", "true")]
    [InlineData("gpt2", "n_inner", "96")]
    [InlineData("gpt2", "activation_function", "\"gelu_pytorch_tanh\"")]
    [InlineData("gpt2", "activation_function", "\"gelu_fast\"")]
    [InlineData("llama", "partial_rotary_factor", "0.5")] // not read in this family where frequencies are not scaled
    [InlineData("llama", "rope_parameters", "{\"rope_type\": \"default\", \"partial_rotary_factor\": 0.25}")]
    [InlineData("llama", "rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0}")]
    [InlineData("gpt2", "task_specific_params", "{\"text-generation\": {\"do_sample\": true}}")]
    [InlineData("llama", "something_new", "false")]
    [InlineData("llama", "something_new", "null")]
    [InlineData("llama", "something_new", "[]")]
    [InlineData("llama", "something_new", "0.0")]
    [InlineData("llama", "pretraining_tp", "1")]
    [InlineData("llama", "partial_rotary_factor", "1.0")]
    [InlineData("llama", "quantization_config", "null")]
    [InlineData("llama", "eos_token_id", "[1, 2]")]
    [InlineData("llama", "layer_types", "[\"full_attention\"]")]
    [InlineData("qwen2", "sliding_window", "8")]
    [InlineData("qwen3", "max_window_layers", "28")]
    public void What_changes_nothing_or_is_implemented_is_accepted(string family, string key, string value) =>
        Assert.NotNull(ReadWith(family, key, value));

    [Fact]
    public void Both_forms_of_rotary_scaling_are_understood()
    {
        const string Llama3 =
            "\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 16";
        var expected = new RotaryScaling(RotaryScaling.Llama3, 8, 1, 4, 16);
        Assert.Equal(expected, ReadWith("llama", "rope_scaling", $"{{{Llama3}}}").RotaryScaling);
        var newer = Config("llama");
        newer.Remove("rope_theta");
        newer.Remove("rope_scaling");
        newer["rope_parameters"] = JsonNode.Parse($"{{{Llama3}, \"rope_theta\": 500000.0}}");
        Assert.Equal(expected, Read(newer).RotaryScaling);
        Assert.Equal(500_000, Read(newer).RotaryBase);
        Assert.Equal(2, ReadWith("llama", "rope_scaling", "{\"type\": \"linear\", \"factor\": 2.0}").RotaryScaling!.Factor);
        Assert.Null(ReadWith("llama", "rope_scaling", "{\"rope_type\": \"default\"}").RotaryScaling);
    }

    // The context of the file is 64; it has two blocks.
    [Theory]
    [InlineData("mistral", """{"sliding_window": 16}""", 16, 16)]
    [InlineData("mistral", """{"sliding_window": 63, "use_sliding_window": false}""", 63, 63)] // a switch that Mistral does not have
    [InlineData("mistral", """{"max_position_embeddings": 9000}""", 4096, 4096)] // what an absent key means
    [InlineData("qwen2", """{"sliding_window": 5, "use_sliding_window": true, "max_window_layers": 1}""", 0, 5)]
    [InlineData("qwen2", """{"sliding_window": 5, "use_sliding_window": true, "layer_types": ["sliding_attention", "full_attention"]}""", 5, 0)]
    [InlineData("qwen3",
        """{"max_position_embeddings": 9000, "use_sliding_window": true, "max_window_layers": 0, "layer_types": null, "sliding_window": 4096}""", 4096, 4096)]
    public void A_window_shorter_than_the_context_is_that_of_its_blocks(string family, string keys, int first, int second)
    {
        var config = ReadWithAll(family, keys);
        Assert.Equal([first, second], [config.WindowOf(0), config.WindowOf(1)]);
    }

    [Fact]
    public void A_window_in_a_family_that_has_none_is_refused_with_what_to_do() => Assert.Contains(
        "set \"max_position_embeddings\" to 32 ",
        Assert.Throws<InputException>(() => ReadWithAll("llama", """{"sliding_window": 32}""")).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_an_original_context_llama3_takes_the_models_own() => Assert.Equal(
        64, ReadWith("llama", "rope_scaling", """{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}""")
            .RotaryScaling!.OriginalContext);

    [Theory]
    [InlineData("mistral", """{"sliding_window": null}""", 64)]
    [InlineData("mistral", """{"sliding_window": 64}""", 64)]
    [InlineData("mistral", """{"sliding_window": 4096, "layer_types": ["full_attention", "full_attention"]}""", 64)]
    [InlineData("mistral", """{"sliding_window": 16, "max_position_embeddings": 16}""", 16)]
    [InlineData("mistral", "{}", 64)]
    [InlineData("qwen2", """{"sliding_window": 5}""", 64)]
    [InlineData("qwen2", """{"sliding_window": 5, "use_sliding_window": false, "max_window_layers": 1}""", 64)]
    [InlineData("qwen2", """{"sliding_window": 5, "use_sliding_window": true, "max_window_layers": 2}""", 64)]
    [InlineData("qwen2", """{"sliding_window": 64, "use_sliding_window": true, "max_window_layers": 0}""", 64)]
    [InlineData("qwen2", """{"sliding_window": null, "use_sliding_window": true, "max_window_layers": 0}""", 64)]
    [InlineData("qwen3", """{"sliding_window": 5, "use_sliding_window": true, "layer_types": ["full_attention"], "max_window_layers": 0}""", 64)]
    [InlineData("llama", """{"sliding_window": 5, "use_sliding_window": false, "max_window_layers": 9}""", 64)]
    [InlineData("llama", """{"sliding_window": null}""", 64)]
    public void The_context_is_that_of_the_positions_where_no_window_narrows_it(string family, string keys, int context) =>
        Assert.Equal(context, ReadWithAll(family, keys).ContextLength);

    [Fact]
    public void Keys_that_public_files_have_and_that_change_nothing_are_taken()
    {
        var config = ReadWithAll("llama", """
            {"unsloth_fixed": true, "unsloth_version": "2024.9", "_flash_attn_2_enabled": true, "max_sequence_length": 2048, "transformers_version": "4.46.0",
             "torch_dtype": "bfloat16", "dtype": "bfloat16", "_attn_implementation_autoset": true, "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
             "is_llama_config": true, "rope_interleaved": false, "pretraining_tp": 1, "use_cache": true, "pad_token_id": 3, "use_flash_attn": true, "multiple_of": 256,
             "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, "tokenizer_model_max_length": 4096, "tokenizer_padding_side": "right",
             "original_max_position_embeddings": 64, "classifier_dropout": 0.1, "return_dict": true, "quantization_config": null}
            """);
        Assert.Equal(64, config.ContextLength);
        Assert.Empty(config.Notes);
    }

    [Fact]
    public void Code_that_comes_with_a_model_is_told_not_run() =>
        Assert.Contains("auto_map", Assert.Single(ReadWith("llama", "auto_map", "{\"AutoModelForCausalLM\": \"own.OwnModel\"}").Notes));

    [Fact]
    public void Attention_biases_of_llama_are_on_all_four_projections()
    {
        var config = ReadWith("llama", "attention_bias", "true");
        Assert.True(config.QkvBias && config.OutputBias);
    }

    [Fact]
    public void Dropout_in_the_file_that_is_not_applied_is_told() =>
        Assert.Contains("attn_pdrop", Assert.Single(ReadWith("gpt2", "attn_pdrop", "0.1").Notes));

    public static TheoryData<string> Families => [.. ModelFamilies.All.Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Families))]
    public void A_shape_that_is_written_reads_as_the_same_model(string family)
    {
        var config = DecoderConfig.FromShape(
            ModelFamilies.Find(family)!, 100, 24, 2, 4, 9000, feedForwardWidth: FamilyShapes.FeedForwardWidth(family, 40), tiedEmbeddings: false,
            eosTokenIds: [3, 4]);
        var read = Read(DecoderConfigWriter.Write(config));
        Assert.Equal(config.EosTokenIds, read.EosTokenIds);
        Assert.Equal(config, read with { EosTokenIds = config.EosTokenIds, Notes = config.Notes });
    }

    [Theory]
    [InlineData(0, 24, 4)]
    [InlineData(100, 25, 4)]
    [InlineData(100, 24, 0)]
    [InlineData(100, -24, 4)]
    public void An_impossible_shape_is_refused(int vocabularySize, int width, int heads) =>
        Assert.Throws<InputException>(() => DecoderConfig.FromShape(ModelFamilies.Find("gpt2")!, vocabularySize, width, 2, heads, 16));

    [Fact]
    public void Only_what_changed_is_rewritten()
    {
        var original = Config("llama");
        original["a_note_of_the_author"] = "";
        var written = DecoderConfigWriter.Write(Read(original) with { EosTokenIds = [5] }, original);
        Assert.Equal(5, (int)written["eos_token_id"]!);
        original["eos_token_id"] = 5;
        Assert.Equal(original.ToJsonString(), written.ToJsonString());
    }
}
