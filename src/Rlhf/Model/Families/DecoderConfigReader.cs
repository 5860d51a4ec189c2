using System.Text.Json;

namespace Rlhf.Model.Families;

/// <summary>
/// Reads a Hugging Face <c>config.json</c>. Strict where it matters: a key that changes the mathematics and is not implemented
/// is refused by name and value, never ignored. An absent key has the value that Transformers gives it, except shapes, which
/// must be there.
/// </summary>
public static class DecoderConfigReader
{
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
        if (ModelFamilies.Find(type) is not { } family)
        {
            keys.Refuse("model_type", $"must be one of {string.Join(", ", ModelFamilies.All)}: other architectures are not implemented{TextPart(json)}");
            throw Problem(file, problems);
        }

        RefuseForeign(keys);
        var config = family.Read(keys);
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
    }

    // Models of pictures and text hold a model of text that may be known by itself.
    private static string TextPart(JsonElement json) => json.TryGetProperty("text_config", out var text) && text.ValueKind == JsonValueKind.Object
        && text.TryGetProperty("model_type", out var type) && type.ValueKind == JsonValueKind.String && ModelFamilies.Find(type.GetString()!) is { } family
        ? $". This is a model of more than text; its text part alone, saved as a model of its own, would be {family.Name}"
        : "";
}
