using System.Text.Json.Nodes;
using Rlhf.Model.Families;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>
/// The configuration of a GGUF model as the <c>config.json</c> of the same model would say it. Strict as that: a key of the architecture that is not known, and
/// so may change the mathematics, is refused by name.
/// </summary>
internal static class GgufConfig
{
    // Of each architecture: keys that say again what stands elsewhere, or nothing about the mathematics.
    private static readonly HashSet<string> Harmless = new(StringComparer.Ordinal)
    {
        "vocab_size", "tensor_data_layout", "rope.scaling.finetuned", "rope.scaling.original_context_length", "attention.causal",
        "expert_used_count", "expert_feed_forward_length", "source.url",
    };

    // Of each architecture: keys with the only value that means nothing.
    private static readonly Dictionary<string, double> Neutral = new(StringComparer.Ordinal)
    {
        ["expert_count"] = 0,
        ["attention.sliding_window"] = 0,
        ["rope.scaling.attn_factor"] = 1,
        ["rope.scaling.yarn_log_multiplier"] = 0,
        ["logit_scale"] = 1,
        ["residual_scale"] = 1,
        ["embedding_scale"] = 1,
        ["attention.max_alibi_bias"] = 0,
        ["attention.clamp_kqv"] = 0,
        ["pooling_type"] = 0,
        ["nextn_predict_layers"] = 0,
        ["leading_dense_block_count"] = 0,
    };

    /// <summary>Reads the configuration of a file.</summary>
    /// <returns>The keys of a <c>config.json</c>, not yet checked.</returns>
    /// <exception cref="InputException">The architecture is not implemented, or a key is missing, malformed or not known.</exception>
    public static JsonObject Read(GgufFile file)
    {
        var metadata = file.Metadata;
        if (metadata.Text(GgufKeys.Architecture) is not { } name)
        {
            throw metadata.Refuse(GgufKeys.Architecture, "is missing: it must name the architecture");
        }

        if (GgufArchitecture.Find(name) is not { } architecture)
        {
            throw metadata.Refuse(GgufKeys.Architecture, $"is not implemented: it must be one of {string.Join(", ", GgufArchitecture.All.Select(known => known.Name))}");
        }

        var keys = new GgufModelKeys(metadata, name);
        var json = architecture.Config(keys, file);
        json["vocab_size"] = Rows(file, "token_embd.weight");
        json["tie_word_embeddings"] = GgufHead.IsTied(file);
        json["bos_token_id"] = Id(metadata, GgufKeys.Beginning);
        json["eos_token_id"] = Id(metadata, GgufKeys.End);
        json["pad_token_id"] = Id(metadata, GgufKeys.Padding);
        json["architectures"] = new JsonArray(ModelFamilies.Find(architecture.Family)!.LanguageModelClass);
        json["torch_dtype"] = "float32";
        RefuseTheRest(keys);
        return json;
    }

    private static int? Id(GgufMetadata metadata, string key) =>
        metadata.Text(GgufKeys.TokenizerModel) is not (null or GgufKeys.NoVocabulary) && metadata.Has(key) ? metadata.Count(key) : null;

    private static long Rows(GgufFile file, string tensor) => file.Find(tensor) is { Shape.Length: 2 } table
        ? table.Shape[0]
        : throw file.Refuse(tensor, "is missing, or is no matrix");

    private static void RefuseTheRest(GgufModelKeys keys)
    {
        foreach (var key in keys.NotAsked.Where(key => !Harmless.Contains(key)))
        {
            if (!Neutral.TryGetValue(key, out var value) || keys.Number(key) != value)
            {
                throw keys.Refuse(key, "is not implemented, and may change what the model computes");
            }
        }
    }
}
