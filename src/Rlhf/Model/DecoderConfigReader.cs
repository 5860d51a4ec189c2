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

    // Names, bookkeeping, generation defaults and training-time settings: none changes what a given checkpoint computes.
    private static readonly HashSet<string> Harmless = new(StringComparer.Ordinal)
    {
        "architectures", "torch_dtype", "dtype", "transformers_version", "transformers.js_config", "_name_or_path", "_commit_hash",
        "name_or_path", "use_cache", "_attn_implementation", "attn_implementation", "_attn_implementation_autoset",
        "gradient_checkpointing", "output_past", "return_dict", "output_attentions", "output_hidden_states", "torchscript",
        "is_decoder", "is_llama_config", "tokenizer_class", "prefix", "finetuning_task", "task_specific_params", "problem_type",
        "id2label", "label2id", "num_labels", "_num_labels", "pad_token_id", "unk_token_id", "sep_token_id", "decoder_start_token_id",
        "cls_token_id", "mask_token_id", "do_sample", "max_length", "min_length", "max_new_tokens", "num_beams", "num_beam_groups",
        "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "diversity_penalty",
        "no_repeat_ngram_size", "num_return_sequences", "early_stopping", "chunk_size_feed_forward", "summary_activation",
        "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj", "reorder_and_upcast_attn", "n_ctx",
        "max_window_layers", DecoderConfigWriter.ScoreBias,
    };

    private static readonly HashSet<string> NoKeys = [];

    /// <summary>Reads a configuration.</summary>
    /// <param name="json">The whole of <c>config.json</c>.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <exception cref="InputException">A key is missing, malformed, impossible or not implemented; the message names each.</exception>
    public static DecoderConfig Read(JsonElement json, string file)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw new InputException($"{file}: a model's configuration must be a JSON object.");
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
        keys.Allow("quantization_config", [], "is not implemented: use the unquantised checkpoint");
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
            keys.Refuse("n_head", $"does not divide \"n_embd\": {width}");
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
            Notes = DropoutNotes(keys, "attn_pdrop", "embd_pdrop"),
        };
    }

    private static DecoderConfig ReadLlama(DecoderConfigKeys keys, DecoderFamily family)
    {
        RequireActivation(keys, "hidden_act", "silu", "swish");
        keys.Allow("mlp_bias", ["false"], "is not implemented: feed-forward projections have no biases here");
        keys.Allow("rope_interleaved", ["false"], "is not implemented: rotary positions turn components j and j + D/2");
        keys.AllowElements("layer_types", "full_attention", "is not implemented: every layer must be \"full_attention\"");
        var attentionBias = AttentionBias(keys, family);
        var heads = keys.Integer(HeadCount);
        var width = keys.Integer("hidden_size");
        var (rotaryBase, scaling) = Rotary(keys);
        var notes = DropoutNotes(keys, "attention_dropout").ToList();
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
            ContextLength = Context(keys, family, notes),
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
            Notes = notes,
        };
    }

    private static void RequireActivation(DecoderConfigKeys keys, string key, params string[] implemented) =>
        keys.Allow(key, implemented, $"is not implemented: it must be {string.Join(" or ", implemented)}");

    // Llama and Qwen3 have the switch (biases on all four projections); Mistral has none, Qwen2's biases are always on q, k, v.
    private static bool AttentionBias(DecoderConfigKeys keys, DecoderFamily family)
    {
        if (family is DecoderFamily.Llama or DecoderFamily.Qwen3)
            return keys.Flag("attention_bias", false);
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
            return keys.Integer(Key);
        if (family == DecoderFamily.Qwen3 && !keys.ContainsKeyEvenNull(Key))
            return 128;
        if (heads > 0 && width % heads != 0)
            keys.Refuse(HeadCount, $"does not divide \"hidden_size\": {width}, and \"{Key}\" is not given");
        return heads > 0 ? width / heads : 0;
    }

    private static int Context(DecoderConfigKeys keys, DecoderFamily family, List<string> notes)
    {
        var context = keys.Integer("max_position_embeddings");
        if (family is DecoderFamily.Qwen2 or DecoderFamily.Qwen3)
        {
            keys.Allow("use_sliding_window", ["false"], "is not implemented: attention must see the whole text");
            keys.Contains("sliding_window"); // without use_sliding_window it has no effect
            return context;
        }

        if (family != DecoderFamily.Mistral)
            return context;
        var absent = !keys.ContainsKeyEvenNull("sliding_window");
        if (!keys.Contains("sliding_window") && !absent)
            return context;
        var window = keys.Integer("sliding_window", 4096);
        if (window < 1)
            keys.Refuse("sliding_window", "must be positive");
        if (window < context)
            notes.Add($"The context is {window} tokens instead of {context}: attention beyond \"sliding_window\" is not implemented, and up to there it is the same.");
        return Math.Min(context, window);
    }

    private static (double Base, RotaryScaling? Scaling) Rotary(DecoderConfigKeys keys)
    {
        var theta = keys.Number("rope_theta", 10_000);
        var older = keys.Object("rope_scaling");
        var newer = keys.Object("rope_parameters");
        if (newer is null)
            return (theta, older is null ? null : Scaling(older, keys));
        var scaling = Scaling(newer, keys);
        if (older is not null && Scaling(older, keys) != scaling)
            keys.Refuse("rope_scaling", "contradicts \"rope_parameters\"");
        var newerTheta = newer.Number("rope_theta", theta);
        if (keys.Contains("rope_theta") && newerTheta != theta)
            keys.Refuse("rope_theta", "contradicts \"rope_parameters\"");
        return (newerTheta, scaling);
    }

    private static RotaryScaling? Scaling(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        var key = keys.Contains("rope_type") ? "rope_type" : "type";
        if (key != "type" && keys.Contains("type") && keys.Text("type", string.Empty) != keys.Text(key, string.Empty))
            keys.Refuse("type", $"contradicts \"{key}\"");
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
            keys.Refuse(Original, "must be positive");
        if (scaling.LowFrequencyFactor >= scaling.HighFrequencyFactor)
            keys.Refuse("high_freq_factor", "must be above \"low_freq_factor\"");
        return scaling;
    }

    private static double Positive(DecoderConfigKeys keys, string key)
    {
        var value = keys.Number(key);
        if (value <= 0)
            keys.Refuse(key, "must be positive");
        return value;
    }

    private static int? Bos(DecoderConfigKeys keys) => keys.Contains("bos_token_id") ? keys.Integer("bos_token_id") : null;

    private static string[] DropoutNotes(DecoderConfigKeys keys, params string[] names) =>
    [
        .. names.Where(name => keys.Number(name, 0) != 0)
            .Select(name => $"\"{name}\" is not applied: training has residual dropout only, as its stage says."),
    ];
}
