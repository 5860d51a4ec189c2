using System.Text.Json;
using Rlhf.Model;
using Rlhf.Model.Families;

namespace Rlhf.Tests.Model.Families;

/// <summary>Configurations as public models have them.</summary>
public sealed class PublicConfigTests
{
    private const string Gemma2 = """
        "attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2, "cache_implementation": "hybrid",
        "eos_token_id": [1, 107], "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "initializer_range": 0.02, "max_position_embeddings": 8192, "model_type": "gemma2",
        "num_key_value_heads": 4, "pad_token_id": 0, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "sliding_window": 4096,
        "torch_dtype": "bfloat16", "transformers_version": "4.42.4", "use_cache": true, "vocab_size": 256000
        """;

    private const string Phi3 = """
        {"architectures": ["Phi3ForCausalLM"], "attention_dropout": 0.0,
         "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config", "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"},
         "bos_token_id": 1, "embd_pdrop": 0.0, "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02,
         "intermediate_size": 8192, "max_position_embeddings": 4096, "model_type": "phi3", "num_attention_heads": 32, "num_hidden_layers": 32,
         "num_key_value_heads": 32, "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0, "rms_norm_eps": 1e-05,
         "rope_scaling": null, "rope_theta": 10000.0, "sliding_window": 2047, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
         "transformers_version": "4.40.2", "use_cache": true, "attention_bias": false, "vocab_size": 32064}
        """;

    private const string GptJ = """
        {"activation_function": "gelu_new", "architectures": ["GPTJForCausalLM"], "attn_pdrop": 0.0, "bos_token_id": 50256, "embd_pdrop": 0.0,
         "eos_token_id": 50256, "gradient_checkpointing": false, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gptj", "n_embd": 4096,
         "n_head": 16, "n_inner": null, "n_layer": 28, "n_positions": 2048, "resid_pdrop": 0.0, "rotary": true, "rotary_dim": 64, "scale_attn_weights": true,
         "summary_activation": null, "summary_first_dropout": 0.1, "summary_proj_to_labels": true, "summary_type": "cls_index", "summary_use_proj": true,
         "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50, "temperature": 1.0}}, "tie_word_embeddings": false,
         "tokenizer_class": "GPT2Tokenizer", "transformers_version": "4.18.0.dev0", "use_cache": true, "vocab_size": 50400}
        """;

    private const string Opt = """
        {"activation_dropout": 0.0, "activation_function": "relu", "architectures": ["OPTForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 2,
         "do_layer_norm_before": true, "dropout": 0.1, "eos_token_id": 2, "ffn_dim": 3072, "hidden_size": 768, "init_std": 0.02, "layerdrop": 0.0,
         "max_position_embeddings": 2048, "model_type": "opt", "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1, "prefix": "</s>",
         "torch_dtype": "float16", "use_cache": true, "vocab_size": 50272, "word_embed_proj_dim": 768}
        """;

    private const string Bloom = """
        {"apply_residual_connection_post_layernorm": false, "architectures": ["BloomModel"], "attention_dropout": 0.0, "attention_softmax_in_fp32": true,
         "bias_dropout_fusion": true, "bos_token_id": 1, "eos_token_id": 2, "hidden_dropout": 0.0, "n_embed": 1024, "initializer_range": 0.02,
         "layer_norm_epsilon": 1e-05, "masked_softmax_fusion": true, "model_type": "bloom", "num_attention_heads": 16, "n_inner": null, "n_layer": 24,
         "offset_alibi": 100, "pad_token_id": 3, "pretraining_tp": 4, "seq_length": 2048, "skip_bias_add": true, "skip_bias_add_qkv": false,
         "slow_but_exact": false, "transformers_version": "4.22.2", "unk_token_id": 0, "use_cache": true, "vocab_size": 250880}
        """;

    private const string SmolLm3 = """
        {"architectures": ["SmolLM3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": null, "eos_token_id": 128012,
         "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 11008, "max_position_embeddings": 65536,
         "max_window_layers": 28, "mlp_bias": false, "model_type": "smollm3", "no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1, 0],
         "num_attention_heads": 16, "num_hidden_layers": 4, "num_key_value_heads": 4, "pad_token_id": 128004, "pretraining_tp": 2, "rms_norm_eps": 1e-06,
         "rope_scaling": null, "rope_theta": 5000000.0, "sliding_window": null, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
         "transformers_version": "4.54.0.dev0", "use_cache": false, "use_sliding_window": false, "vocab_size": 128256}
        """;

    private const string GptNeoX = """
        {"architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu_fast", "hidden_size": 6144,
         "initializer_range": 0.02, "intermediate_size": 24576, "layer_norm_eps": 1e-05, "max_position_embeddings": 2048, "model_type": "gpt_neox",
         "num_attention_heads": 64, "num_hidden_layers": 44, "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": false,
         "torch_dtype": "float16", "use_cache": true, "use_parallel_residual": true, "classifier_dropout": 0.1, "vocab_size": 50432}
        """;

    [Theory]
    [InlineData("{" + Gemma2 + """, "hidden_size": 2304, "intermediate_size": 9216, "num_attention_heads": 8, "num_hidden_layers": 26}""")]
    [InlineData("{" + Gemma2
        + """, "hidden_size": 3584, "intermediate_size": 14336, "num_attention_heads": 16, "num_hidden_layers": 42, "sliding_window_size": 4096}""")]
    [InlineData(Phi3)]
    [InlineData(GptJ)]
    [InlineData(Opt)]
    [InlineData(Bloom)]
    [InlineData(SmolLm3)]
    [InlineData(GptNeoX)]
    public void Public_models_are_read_and_written_as_the_same_model(string json)
    {
        var config = Read(json);
        var again = DecoderConfigReader.Read(DecoderConfigWriter.ToElement(config.Family.Write(config)), "config.json");
        Assert.Equal(config with { Notes = [], EosTokenIds = [] }, again with { Notes = [], EosTokenIds = [] });
    }

    [Fact]
    public void Their_windows_caps_and_turned_parts_are_those_of_the_files()
    {
        var gemma = Read("{" + Gemma2 + """, "hidden_size": 2304, "intermediate_size": 9216, "num_attention_heads": 8, "num_hidden_layers": 26}""");
        Assert.Equal((4096, 0), (gemma.WindowOf(0), gemma.WindowOf(1)));
        Assert.Equal((50, 30, 48), (gemma.ScoreCap, gemma.LogitCap, gemma.EmbeddingScale));
        Assert.Equal(2047, Read(Phi3).WindowOf(31));
        Assert.Equal(64, Read(GptJ).RotaryWidth);
        Assert.Equal((24, FeedForward.Gelu), (Read(GptNeoX).RotaryWidth, Read(GptNeoX).FeedForward));
        Assert.Equal(2050, Read(Opt).PositionRows);
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(Read(SmolLm3).Turns));
    }

    [Theory]
    [InlineData(Phi3, "\"sliding_window\": 2047", "\"sliding_window\": -1", "sliding_window")]
    [InlineData(Phi3, "\"rope_scaling\": null", "\"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1], \"long_factor\": [1]}", "longrope")]
    [InlineData(Phi3, "\"use_cache\": true", "\"num_local_experts\": 16", "num_local_experts")]
    [InlineData(Opt, "\"use_cache\": true", "\"layer_norm_elementwise_affine\": false", "layer_norm_elementwise_affine")]
    [InlineData(GptJ, "\"rotary\": true", "\"rotary\": false", "rotary")]
    [InlineData(GptNeoX, "\"rotary_pct\": 0.25", "\"rotary_pct\": 0.01", "cannot be turned")]
    [InlineData(SmolLm3, "[1, 1, 1, 0]", "[1, 1, 0]", "no_rope_layers")]
    [InlineData(Bloom, "\"n_inner\": null", "\"n_inner\": 100", "n_inner")]
    [InlineData("{" + Gemma2 + ", \"hidden_size\": 8, \"intermediate_size\": 8, \"num_attention_heads\": 8, \"num_hidden_layers\": 2}",
        "\"attn_logit_softcapping\": 50.0", "\"attn_logit_softcapping\": -1", "attn_logit_softcapping")]
    [InlineData("{" + Gemma2 + ", \"hidden_size\": 8, \"intermediate_size\": 8, \"num_attention_heads\": 8, \"num_hidden_layers\": 2}",
        "\"gemma2\"", "\"gemma3_text\"", "attn_logit_softcapping")]
    [InlineData("{" + Gemma2 + ", \"hidden_size\": 8, \"intermediate_size\": 8, \"num_attention_heads\": 8, \"num_hidden_layers\": 2}",
        "\"use_cache\": true", "\"use_bidirectional_attention\": true", "use_bidirectional_attention")]
    public void What_is_changed_to_something_else_is_refused_by_name(string json, string from, string to, string named)
    {
        Assert.Contains(from, json, StringComparison.Ordinal);
        var message = Assert.Throws<InputException>(() => Read(json.Replace(from, to, StringComparison.Ordinal))).Message;
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    private static DecoderConfig Read(string json) => DecoderConfigReader.Read(JsonDocument.Parse(json).RootElement, "config.json");
}
