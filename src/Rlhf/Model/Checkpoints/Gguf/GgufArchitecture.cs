using System.Text.Json.Nodes;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>An architecture of GGUF files: its keys and the family whose mathematics it has.</summary>
/// <param name="Name">The value of <c>general.architecture</c>.</param>
/// <param name="Family">The family of Hugging Face's configuration.</param>
/// <param name="TurnsNeighbours">The rows of the query and key projections are stored so that a rotary pair is (2j, 2j + 1) instead of (j, j + D/2).</param>
/// <param name="Config">The keys as <c>config.json</c> has them.</param>
internal sealed record GgufArchitecture(string Name, string Family, bool TurnsNeighbours, Func<GgufModelKeys, GgufFile, JsonObject> Config)
{
    private const int LargestGemma2 = 46;
    private const int LargestGemma3 = 62;

    /// <summary>All that are implemented.</summary>
    public static IReadOnlyList<GgufArchitecture> All { get; } =
    [
        new("llama", "llama", TurnsNeighbours: true, Llama),
        new("qwen2", "qwen2", TurnsNeighbours: false, Qwen2),
        new("qwen3", "qwen3", TurnsNeighbours: false, Qwen3),
        new("gpt2", "gpt2", TurnsNeighbours: false, Gpt2),
        new("gemma2", "gemma2", TurnsNeighbours: false, Gemma2),
        new("gemma3", "gemma3_text", TurnsNeighbours: false, Gemma3),
    ];

    /// <summary>The architecture of a name, or null.</summary>
    public static GgufArchitecture? Find(string name) => All.FirstOrDefault(architecture => architecture.Name == name);

    private static JsonObject Llama(GgufModelKeys keys, GgufFile file)
    {
        var json = Rotary("llama", keys, file);
        json["attention_bias"] = file.Find("blk.0.attn_q.bias") is not null;
        json["mlp_bias"] = false;
        return json;
    }

    private static JsonObject Qwen2(GgufModelKeys keys, GgufFile file)
    {
        var json = Rotary("qwen2", keys, file);
        json["use_sliding_window"] = false;
        return json;
    }

    private static JsonObject Qwen3(GgufModelKeys keys, GgufFile file)
    {
        var json = Qwen2(keys, file);
        json["model_type"] = "qwen3";
        json["attention_bias"] = false;
        json["head_dim"] ??= json["hidden_size"]!.GetValue<int>() / Math.Max(1, json["num_attention_heads"]!.GetValue<int>());
        return json;
    }

    private static JsonObject Gemma2(GgufModelKeys keys, GgufFile file)
    {
        var json = Gemma("gemma2", keys, file, LargestGemma2);
        json["attn_logit_softcapping"] = keys.Number("attn_logit_softcapping", 50);
        json["final_logit_softcapping"] = keys.Number("final_logit_softcapping", 30);
        json["sliding_window"] = keys.Count("attention.sliding_window", 4096);
        return json;
    }

    private static JsonObject Gemma3(GgufModelKeys keys, GgufFile file)
    {
        var json = Gemma("gemma3_text", keys, file, LargestGemma3);
        json["rope_theta"] = keys.Number("rope.freq_base", 1_000_000);
        json["rope_local_base_freq"] = keys.Number("rope.freq_base_swa", 10_000);
        json["final_logit_softcapping"] = keys.Number("final_logit_softcapping");
        json["sliding_window"] = keys.Count("attention.sliding_window");
        return json;
    }

    // What scores are divided by stands in no file: in the largest models of both families it follows from the width, in the others from the head.
    private static JsonObject Gemma(string modelType, GgufModelKeys keys, GgufFile file, int largest)
    {
        var json = Rotary(modelType, keys, file);
        json.Remove("hidden_act");
        json["hidden_activation"] = "gelu_pytorch_tanh";
        json["attention_bias"] = false;
        var (heads, width) = (json["num_attention_heads"]!.GetValue<int>(), json["hidden_size"]!.GetValue<int>());
        var perHead = width / Math.Max(1, heads);
        json["head_dim"] ??= perHead;
        json["query_pre_attn_scalar"] = json["num_hidden_layers"]!.GetValue<int>() == largest ? perHead : json["head_dim"]!.GetValue<int>();
        return json;
    }

    private static JsonObject Gpt2(GgufModelKeys keys, GgufFile file) => new()
    {
        ["model_type"] = "gpt2",
        ["activation_function"] = "gelu_new",
        ["n_embd"] = keys.Count("embedding_length"),
        ["n_layer"] = keys.Count("block_count"),
        ["n_head"] = keys.Count("attention.head_count"),
        ["n_inner"] = keys.Count("feed_forward_length") is var inner && inner == 4L * keys.Count("embedding_length") ? null : inner,
        ["n_positions"] = keys.Count("context_length"),
        ["layer_norm_epsilon"] = keys.Number("attention.layer_norm_epsilon", null),
        ["resid_pdrop"] = 0.0,
        ["embd_pdrop"] = 0.0,
        ["attn_pdrop"] = 0.0,
    };

    private static JsonObject Rotary(string modelType, GgufModelKeys keys, GgufFile file)
    {
        var (heads, width) = (keys.Count("attention.head_count"), keys.Count("embedding_length"));
        var json = new JsonObject
        {
            ["model_type"] = modelType,
            ["hidden_act"] = "silu",
            ["hidden_size"] = width,
            ["intermediate_size"] = keys.Count("feed_forward_length"),
            ["num_hidden_layers"] = keys.Count("block_count"),
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = keys.Count("attention.head_count_kv", heads),
            ["max_position_embeddings"] = keys.Count("context_length"),
            ["rms_norm_eps"] = keys.Number("attention.layer_norm_rms_epsilon", null),
            ["attention_dropout"] = 0.0,
        };
        var headWidth = heads > 0 ? width / heads : 0;
        if (keys.Has("attention.key_length"))
        {
            json["head_dim"] = headWidth = keys.Count("attention.key_length");
        }

        if (keys.Count("attention.value_length", headWidth) != headWidth)
        {
            throw keys.Refuse("attention.value_length", "is another width than that of queries and keys, which is not implemented");
        }

        if (keys.Count("rope.dimension_count", headWidth) != headWidth)
        {
            throw keys.Refuse("rope.dimension_count", FormattableString.Invariant($"is not the width of a head, {headWidth}: all of its components must be turned"));
        }

        json["rope_theta"] = keys.Number("rope.freq_base", 10_000);
        json["rope_scaling"] = GgufRotary.Scaling(keys, file, headWidth, json["rope_theta"]!.GetValue<double>());
        return json;
    }
}
