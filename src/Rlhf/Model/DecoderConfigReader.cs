using System.Text.Json;

namespace Rlhf.Model;

/// <summary>
/// Reads a Hugging Face <c>config.json</c>. Strict where it matters: a key that changes the mathematics and is not implemented
/// is refused by name and value, never ignored. An absent key has the value that Transformers gives it, except shapes, which
/// must be there.
/// </summary>
public static class DecoderConfigReader
{
    private const string HeadCount = "num_attention_heads";

    private static readonly Dictionary<string, DecoderFamily> Families = new(StringComparer.Ordinal)
    {
        ["gpt2"] = DecoderFamily.Gpt2,
        ["llama"] = DecoderFamily.Llama,
        ["mistral"] = DecoderFamily.Mistral,
        ["qwen2"] = DecoderFamily.Qwen2,
        ["qwen3"] = DecoderFamily.Qwen3,
    };

    private const string Window = "sliding_window";

    // None of these changes what a given checkpoint computes; whatever else a file has is refused by name.
    private static readonly HashSet<string> Harmless = new(
        (string[])
        [
            // Names, versions and bookkeeping. Of "auto_map" a note is made.
            "architectures", "torch_dtype", "dtype", "transformers_version", "transformers.js_config", "_name_or_path", "_commit_hash",
            "name_or_path", "model_name", "finetuning_task", "task_specific_params", "tokenizer_class", "prefix", "is_llama_config",
            "unsloth_fixed", "unsloth_version", "_from_model_config", "keys_to_ignore_at_inference", "license", "base_model",

            // How it is computed, not what.
            "use_cache", "cache_implementation", "_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
            "_attn_implementation_internal", "_flash_attn_2_enabled", "_use_flash_attention_2", "use_flash_attention_2", "use_flash_attention",
            "use_flash_attn", "use_flashattn", "reorder_and_upcast_attn", "gradient_checkpointing", "chunk_size_feed_forward", "use_bfloat16",
            "fp16", "bf16", "fp32", "torchscript", "init_device",

            // What a library hands back, and losses.
            "output_past", "return_dict", "return_dict_in_generate", "output_attentions", "output_hidden_states", "output_scores",
            "problem_type", "id2label", "label2id", "num_labels", "_num_labels", "tf_legacy_loss",

            // Lengths that are said again elsewhere, and numbers that shapes were once worked out from.
            "max_sequence_length", "max_seq_length", "max_seq_len", "model_max_length", "tokenizer_model_max_length", "seq_length", "n_ctx",
            "original_max_position_embeddings", "max_window_layers", "multiple_of", "ffn_dim_multiplier",

            // Tokens and how texts are filled up.
            "pad_token_id", "unk_token_id", "sep_token_id", "decoder_start_token_id", "cls_token_id", "mask_token_id", "padding_side",
            "tokenizer_padding_side", "n_special", "predict_special_tokens",

            // Defaults of generation.
            "do_sample", "max_length", "min_length", "max_new_tokens", "min_new_tokens", "num_beams", "num_beam_groups", "temperature", "top_k", "top_p",
            "typical_p", "repetition_penalty", "length_penalty", "diversity_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
            "num_return_sequences", "early_stopping", "bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens",
            "begin_suppress_tokens", "remove_invalid_values", "exponential_decay_length_penalty",

            // Heads that are not used here, and training.
            "is_decoder", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
            "classifier_dropout", "classifier_dropout_prob", "initializer_factor",
            DecoderConfigWriter.ScoreBias, DecoderConfigWriter.ScoreShift,
        ],
        StringComparer.Ordinal);

    private static readonly HashSet<string> NoKeys = [];

    /// <summary>Reads a configuration.</summary>
    /// <param name="json">The whole of <c>config.json</c>.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <exception cref="InputException">A key is missing, malformed, impossible or not implemented; the message names each.</exception>
    public static DecoderConfig Read(JsonElement json, string file)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new InputException($"{file}: a model's configuration must be a JSON object.");
        }

        var problems = new List<string>();
        var keys = new DecoderConfigKeys(json, string.Empty, problems);
        var type = keys.Text("model_type", string.Empty);
        if (!Families.TryGetValue(type, out var family))
        {
            keys.Refuse("model_type", $"must be one of {string.Join(", ", Families.Keys)}: other architectures are not implemented");
            throw Problem(file, problems);
        }

        RefuseForeign(keys);
        var config = family == DecoderFamily.Gpt2 ? ReadGpt2(keys) : ReadLlama(keys, family);
        keys.RefuseTheRest(Harmless);
        return problems.Count == 0 ? config.Checked(file) : throw Problem(file, problems);
    }

    private static InputException Problem(string file, List<string> problems) => new(
        $"{file}: this model cannot be used as it is:\n{string.Join('\n', problems.Select(problem => $"  {problem}"))}");

    private static void RefuseForeign(DecoderConfigKeys keys)
    {
        foreach (var key in (string[])["quantization_config", "quantization", "compression_config"])
        {
            keys.Allow(key, [], "is not implemented: use the unquantised checkpoint");
        }

        keys.Allow("add_cross_attention", ["false"], "is not implemented: only decoders that read nothing but their own text");
        keys.Allow("is_encoder_decoder", ["false"], "is not implemented: only decoders");
        keys.Allow("partial_rotary_factor", ["1"], "is not implemented: all components of a head must be turned");
        keys.Allow("pretraining_tp", ["1", "0"], "is not implemented: it must be 1");
    }

    private static DecoderConfig ReadGpt2(DecoderConfigKeys keys)
    {
        RequireActivation(keys, "activation_function", "gelu_new", "gelu_pytorch_tanh");
        keys.Allow("scale_attn_weights", ["true"], "is not implemented: scores must be divided by the root of the head width");
        keys.Allow("scale_attn_by_inverse_layer_idx", ["false"], "is not implemented");
        var width = keys.Integer("n_embd");
        var heads = keys.Integer("n_head");
        if (heads > 0 && width % heads != 0)
        {
            keys.Refuse("n_head", $"does not divide \"n_embd\": {width}");
        }

        return new DecoderConfig
        {
            Family = DecoderFamily.Gpt2,
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("n_layer"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = heads > 0 ? width / heads : 0,
            FeedForwardWidth = keys.Integer("n_inner", (int)Math.Clamp(4L * width, 0, int.MaxValue)),
            ContextLength = keys.Integer("n_positions"),
            Normalization = Normalization.LayerNorm,
            NormEpsilon = keys.Number("layer_norm_epsilon", 1e-5),
            Positions = Positions.Learned,
            FeedForward = FeedForward.Gelu,
            QkvBias = true,
            OutputBias = true,
            FeedForwardBias = true,
            QueryKeyNorm = false,
            TiedEmbeddings = keys.Flag("tie_word_embeddings", true),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = Bos(keys),
            EosTokenIds = keys.Ids("eos_token_id"),
            ResidualDropoutInFile = keys.Number("resid_pdrop", 0.1),
            Notes = Notes(keys, "attn_pdrop", "embd_pdrop"),
        };
    }

    private static DecoderConfig ReadLlama(DecoderConfigKeys keys, DecoderFamily family)
    {
        RequireActivation(keys, "hidden_act", "silu", "swish");
        keys.Allow("mlp_bias", ["false"], "is not implemented: feed-forward projections have no biases here");
        keys.Allow("rope_interleaved", ["false"], "is not implemented: rotary positions turn components j and j + D/2");
        var attentionBias = AttentionBias(keys, family);
        var heads = keys.Integer(HeadCount);
        var width = keys.Integer("hidden_size");
        var (rotaryBase, scaling) = Rotary(keys);
        return new DecoderConfig
        {
            Family = family,
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = KeyValueHeads(keys, family, heads),
            HeadWidth = HeadWidth(keys, family, width, heads),
            FeedForwardWidth = keys.Integer("intermediate_size"),
            ContextLength = Context(keys, family),
            Normalization = Normalization.RmsNorm,
            NormEpsilon = keys.Number("rms_norm_eps", 1e-6),
            Positions = Positions.Rotary,
            RotaryBase = rotaryBase,
            RotaryScaling = scaling,
            FeedForward = FeedForward.SwiGlu,
            QkvBias = family == DecoderFamily.Qwen2 || attentionBias,
            OutputBias = attentionBias,
            FeedForwardBias = false,
            QueryKeyNorm = family == DecoderFamily.Qwen3,
            TiedEmbeddings = keys.Flag("tie_word_embeddings", false),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = Bos(keys),
            EosTokenIds = keys.Ids("eos_token_id"),
            Notes = Notes(keys, "attention_dropout"),
        };
    }

    private static void RequireActivation(DecoderConfigKeys keys, string key, params string[] implemented) =>
        keys.Allow(key, implemented, $"is not implemented: it must be {string.Join(" or ", implemented)}");

    // Llama and Qwen3 have the switch (biases on all four projections); Mistral has none, Qwen2's biases are always on q, k, v.
    private static bool AttentionBias(DecoderConfigKeys keys, DecoderFamily family)
    {
        if (family is DecoderFamily.Llama or DecoderFamily.Qwen3)
        {
            return keys.Flag("attention_bias", false);
        }

        keys.Allow("attention_bias", ["false"], "means nothing in this family");
        return false;
    }

    private static int KeyValueHeads(DecoderConfigKeys keys, DecoderFamily family, int heads)
    {
        const string Key = "num_key_value_heads";
        var whenAbsent = keys.ContainsKeyEvenNull(Key) ? heads : family switch
        {
            DecoderFamily.Mistral => 8,
            DecoderFamily.Qwen2 or DecoderFamily.Qwen3 => 32,
            DecoderFamily.Llama => heads,
            _ => throw new ArgumentOutOfRangeException(nameof(family), family, "Nobody said what an absent num_key_value_heads means in this family."),
        };
        return keys.Integer(Key, whenAbsent);
    }

    private static int HeadWidth(DecoderConfigKeys keys, DecoderFamily family, int width, int heads)
    {
        const string Key = "head_dim";
        if (keys.Contains(Key))
        {
            return keys.Integer(Key);
        }

        if (family == DecoderFamily.Qwen3 && !keys.ContainsKeyEvenNull(Key))
        {
            return 128;
        }

        if (heads > 0 && width % heads != 0)
        {
            keys.Refuse(HeadCount, $"does not divide \"hidden_size\": {width}, and \"{Key}\" is not given");
        }

        return heads > 0 ? width / heads : 0;
    }

    private static int Context(DecoderConfigKeys keys, DecoderFamily family)
    {
        var context = keys.Integer("max_position_embeddings");
        if (SlidingWindow(keys, family) is { } window && window < context)
        {
            keys.Refuse(Window, FormattableString.Invariant(
                $"is not implemented: attention that sees only the last {window} tokens. Up to there it is the same: ")
                + FormattableString.Invariant($"set \"max_position_embeddings\" to {window} to use the model for texts of at most {window} tokens"));
        }

        return context;
    }

    // Tokens that the narrowest layer's attention sees; null for all of them.
    private static int? SlidingWindow(DecoderConfigKeys keys, DecoderFamily family)
    {
        const string Full = "full_attention";
        const string Switch = "use_sliding_window";
        var isQwen = family is DecoderFamily.Qwen2 or DecoderFamily.Qwen3;
        // To Mistral and Qwen an absent key means 4096, null means none.
        var isGiven = keys.Contains(Window) || (family != DecoderFamily.Llama && !keys.ContainsKeyEvenNull(Window));
        int? window = isGiven ? keys.Integer(Window, 4096) : null;
        if (window < 1)
        {
            keys.Refuse(Window, "must be positive");
        }
        // Mistral has no switch: there the window is used whatever the switch says.
        var isOff = family != DecoderFamily.Mistral && !keys.Flag(Switch, whenAbsent: !isQwen);
        if (isQwen && !isOff)
        {
            var full = keys.Contains("layer_types") ? keys.AreAll("layer_types", Full) : keys.Integer("max_window_layers", 28) >= keys.Integer("num_hidden_layers");
            return full ? null : window;
        }

        keys.AllowElements("layer_types", Full, "is not implemented: every layer must be \"full_attention\"");
        return isOff ? null : window;
    }

    private static (double Base, RotaryScaling? Scaling) Rotary(DecoderConfigKeys keys)
    {
        var theta = keys.Number("rope_theta", 10_000);
        var older = keys.Object("rope_scaling");
        var newer = keys.Object("rope_parameters");
        if (newer is null)
        {
            return (theta, older is null ? null : Scaling(older, keys));
        }

        var scaling = Scaling(newer, keys);
        if (older is not null && Scaling(older, keys) != scaling)
        {
            keys.Refuse("rope_scaling", "contradicts \"rope_parameters\"");
        }

        var newerTheta = newer.Number("rope_theta", theta);
        if (keys.Contains("rope_theta") && newerTheta != theta)
        {
            keys.Refuse("rope_theta", "contradicts \"rope_parameters\"");
        }

        return (newerTheta, scaling);
    }

    private static RotaryScaling? Scaling(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        var key = keys.Contains("rope_type") ? "rope_type" : "type";
        if (key != "type" && keys.Contains("type") && keys.Text("type", string.Empty) != keys.Text(key, string.Empty))
        {
            keys.Refuse("type", $"contradicts \"{key}\"");
        }

        var kind = keys.Text(key, "default");
        keys.Contains("rope_theta"); // read by the caller, which knows what it may contradict
        keys.Allow("partial_rotary_factor", ["1"], "is not implemented: all components of a head must be turned");
        RotaryScaling? scaling = null;
        switch (kind)
        {
            case "default":
                keys.Allow("factor", ["1"], "has no effect with \"rope_type\": \"default\"");
                break;
            case RotaryScaling.Linear:
                scaling = new RotaryScaling(kind, Positive(keys, "factor"), 1, 1, 0);
                break;
            case RotaryScaling.Llama3:
                scaling = Llama3(keys, model);
                break;
            default:
                keys.Refuse(key, "is not implemented: it must be default, linear or llama3");
                break;
        }

        keys.RefuseTheRest(NoKeys);
        return scaling;
    }

    private static RotaryScaling Llama3(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        const string Original = "original_max_position_embeddings";
        var original = keys.Contains(Original) || !model.Contains(Original) ? keys.Integer(Original) : model.Integer(Original);
        var scaling = new RotaryScaling(
            RotaryScaling.Llama3, Positive(keys, "factor"), Positive(keys, "low_freq_factor"), Positive(keys, "high_freq_factor"), original);
        if (original < 1)
        {
            keys.Refuse(Original, "must be positive");
        }

        if (scaling.LowFrequencyFactor >= scaling.HighFrequencyFactor)
        {
            keys.Refuse("high_freq_factor", "must be above \"low_freq_factor\"");
        }

        return scaling;
    }

    private static double Positive(DecoderConfigKeys keys, string key)
    {
        var value = keys.Number(key);
        if (value <= 0)
        {
            keys.Refuse(key, "must be positive");
        }

        return value;
    }

    private static int? Bos(DecoderConfigKeys keys) => keys.Contains("bos_token_id") ? keys.Integer("bos_token_id") : null;

    private static string[] Notes(DecoderConfigKeys keys, params string[] dropouts) =>
    [
        .. dropouts.Where(name => keys.Number(name, 0) != 0)
            .Select(name => $"\"{name}\" is not applied: training has residual dropout only, as its stage says."),
        .. keys.Contains(DecoderConfigWriter.OwnCode) ? [$"\"{DecoderConfigWriter.OwnCode}\" names code that came with the model. It is not run: the model is computed as its \"model_type\" says."] : (string[])[],
    ];
}
