using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Model;

/// <summary>Writes a decoder's configuration as Hugging Face <c>config.json</c>.</summary>
public static class DecoderConfigWriter
{
    /// <summary>A key of older reward models for the bias of their head. It is part of their scores.</summary>
    public const string ScoreBias = "score_bias";

    /// <summary>Our key for what is added to a reward model's score so that the demonstrations have 0 on average. It is no part of the score, which has no bias in other programs either.</summary>
    public const string ScoreShift = "score_shift";

    /// <summary>The key that names code beside the model, which is neither run nor carried along.</summary>
    public const string OwnCode = "auto_map";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
    };

    /// <summary>
    /// The configuration as JSON. With an original, that one with only what changed; keys unknown to us stay as they were.
    /// </summary>
    /// <param name="config">What to write.</param>
    /// <param name="original">The <c>config.json</c> that the configuration was read from, if any.</param>
    public static JsonObject Write(DecoderConfig config, JsonObject? original = null)
    {
        var keys = Keys(config);
        if (original is null)
        {
            return keys;
        }

        var result = original.DeepClone().AsObject();
        var before = Keys(DecoderConfigReader.Read(ToElement(original), "the configuration"));
        foreach (var (key, value) in keys)
        {
            if (!JsonNode.DeepEquals(before[key], value))
            {
                result[key] = value?.DeepClone();
            }
        }

        return result;
    }

    /// <summary>The text of a JSON file: indented, with a newline at the end.</summary>
    public static string ToText(JsonNode json) => json.ToJsonString(Indented) + "\n";

    /// <summary>The same JSON in the form that readers take.</summary>
    public static JsonElement ToElement(JsonNode json) => JsonSerializer.SerializeToElement(json);

    private static JsonObject Keys(DecoderConfig config) => config.Family == DecoderFamily.Gpt2 ? Gpt2(config) : Llama(config);

    private static JsonObject Gpt2(DecoderConfig config) => new()
    {
        ["model_type"] = "gpt2",
        ["activation_function"] = "gelu_new",
        ["vocab_size"] = config.VocabularySize,
        ["n_embd"] = config.Width,
        ["n_layer"] = config.Layers,
        ["n_head"] = config.Heads,
        ["n_inner"] = config.FeedForwardWidth == 4 * config.Width ? null : config.FeedForwardWidth,
        ["n_positions"] = config.ContextLength,
        ["layer_norm_epsilon"] = config.NormEpsilon,
        ["initializer_range"] = config.InitializerRange,
        ["resid_pdrop"] = config.ResidualDropoutInFile,
        ["embd_pdrop"] = 0.0,
        ["attn_pdrop"] = 0.0,
        ["tie_word_embeddings"] = config.TiedEmbeddings,
        ["bos_token_id"] = config.BosTokenId,
        ["eos_token_id"] = Ids(config.EosTokenIds),
    };

    private static JsonObject Llama(DecoderConfig config)
    {
        var keys = new JsonObject
        {
            ["model_type"] = config.Family switch
            {
                DecoderFamily.Mistral => "mistral",
                DecoderFamily.Qwen2 => "qwen2",
                DecoderFamily.Qwen3 => "qwen3",
                DecoderFamily.Llama => "llama",
                _ => throw new ArgumentOutOfRangeException(nameof(config), config.Family, "This family has no config.json of Llama's form."),
            },
            ["hidden_act"] = "silu",
            ["vocab_size"] = config.VocabularySize,
            ["hidden_size"] = config.Width,
            ["intermediate_size"] = config.FeedForwardWidth,
            ["num_hidden_layers"] = config.Layers,
            ["num_attention_heads"] = config.Heads,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["head_dim"] = config.HeadWidth,
            ["max_position_embeddings"] = config.ContextLength,
            ["rms_norm_eps"] = config.NormEpsilon,
            ["rope_theta"] = config.RotaryBase,
            ["rope_scaling"] = Scaling(config.RotaryScaling),
            ["initializer_range"] = config.InitializerRange,
            ["attention_dropout"] = 0.0,
            ["tie_word_embeddings"] = config.TiedEmbeddings,
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = Ids(config.EosTokenIds),
        };
        if (config.Family is DecoderFamily.Llama or DecoderFamily.Qwen3)
        {
            keys["attention_bias"] = config.OutputBias;
        }

        if (config.Family is not DecoderFamily.Llama)
        {
            keys["sliding_window"] = null; // an absent key means 4096 to Mistral
        }

        return keys;
    }

    private static JsonObject? Scaling(RotaryScaling? scaling) => scaling?.Kind switch
    {
        null => null,
        RotaryScaling.Linear => new JsonObject { ["rope_type"] = scaling.Kind, ["factor"] = scaling.Factor },
        _ => new JsonObject
        {
            ["rope_type"] = scaling.Kind,
            ["factor"] = scaling.Factor,
            ["low_freq_factor"] = scaling.LowFrequencyFactor,
            ["high_freq_factor"] = scaling.HighFrequencyFactor,
            ["original_max_position_embeddings"] = scaling.OriginalContext,
        },
    };

    private static JsonNode? Ids(IReadOnlyList<int> ids) => ids.Count switch
    {
        0 => null,
        1 => ids[0],
        _ => new JsonArray([.. ids.Select(id => (JsonNode)id)]),
    };
}
