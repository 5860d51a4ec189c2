using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>Llama (Touvron 2023): rotary positions, RMSNorm, SwiGLU, grouped heads.</summary>
internal partial class Llama : ModelFamily
{
    protected const string Window = "sliding_window";
    protected const string WindowSwitch = "use_sliding_window";
    protected const string FullAttention = "full_attention";

    public override string Name => "llama";

    internal override DecoderConfig Style => new()
    {
        Family = this,
        Normalization = Normalization.RmsNorm,
        NormEpsilon = 1e-6,
        Positions = Positions.Rotary,
        FeedForward = FeedForward.SwiGlu,
        QkvBias = false,
        OutputBias = false,
        FeedForwardBias = false,
    };

    internal override ParameterNames Tensors { get; } = new(
        "model.embed_tokens.weight", null, "model.norm", layer => new LayerParameterNames(
            $"model.layers.{layer}.input_layernorm",
            [$"model.layers.{layer}.self_attn.q_proj", $"model.layers.{layer}.self_attn.k_proj", $"model.layers.{layer}.self_attn.v_proj"],
            $"model.layers.{layer}.self_attn.q_norm", $"model.layers.{layer}.self_attn.k_norm", $"model.layers.{layer}.self_attn.o_proj",
            $"model.layers.{layer}.post_attention_layernorm",
            [$"model.layers.{layer}.mlp.gate_proj", $"model.layers.{layer}.mlp.up_proj"], $"model.layers.{layer}.mlp.down_proj"));

    protected override string ClassStem => "Llama";

    /// <summary>Whether the file may ask for biases on all four projections of attention.</summary>
    protected virtual bool HasBiasSwitch => true;

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.AllowActivation("hidden_act", "silu", "swish");
        keys.Allow("mlp_bias", ["false"], "is not implemented: feed-forward projections have no biases here");
        keys.Allow("rope_interleaved", ["false"], "is not implemented: rotary positions turn components j and j + D/2");
        var attentionBias = AttentionBias(keys);
        var heads = keys.Integer("num_attention_heads");
        var width = keys.Integer("hidden_size");
        var (rotaryBase, scaling) = RotaryKeys.Read(keys);
        var style = Style;
        return style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = keys.Integer("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = keys.Integer("num_key_value_heads", keys.ContainsKeyEvenNull("num_key_value_heads") ? heads : KeyValueHeadsWhenAbsent(heads)),
            HeadWidth = HeadWidth(keys, width, heads),
            FeedForwardWidth = keys.Integer("intermediate_size"),
            ContextLength = Context(keys),
            NormEpsilon = keys.Number("rms_norm_eps", 1e-6),
            RotaryBase = rotaryBase,
            RotaryScaling = scaling,
            QkvBias = style.QkvBias || attentionBias,
            OutputBias = attentionBias,
            TiedEmbeddings = keys.Flag("tie_word_embeddings", false),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = keys.Id("bos_token_id"),
            EosTokenIds = keys.Ids("eos_token_id"),
            Notes = keys.Notes("attention_dropout"),
        };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = new JsonObject
        {
            ["model_type"] = Name,
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
            ["rope_scaling"] = RotaryKeys.Write(config.RotaryScaling),
            ["initializer_range"] = config.InitializerRange,
            ["attention_dropout"] = 0.0,
            ["tie_word_embeddings"] = config.TiedEmbeddings,
            ["bos_token_id"] = config.BosTokenId,
            ["eos_token_id"] = DecoderConfigWriter.Ids(config.EosTokenIds),
        };
        if (HasBiasSwitch)
        {
            keys["attention_bias"] = config.OutputBias;
        }

        return keys;
    }

    internal override bool IsBuffer(string tensor) => RotaryFrequencies().IsMatch(tensor);

    /// <summary>What an absent <c>num_key_value_heads</c> means; null always means as many as heads.</summary>
    protected virtual int KeyValueHeadsWhenAbsent(int heads) => heads;

    /// <summary>What an absent <c>head_dim</c> means; null always means the width divided by the heads.</summary>
    protected virtual int? HeadWidthWhenAbsent => null;

    /// <summary>Tokens that the narrowest layer's attention sees; null for all of them.</summary>
    protected virtual int? SlidingWindow(DecoderConfigKeys keys)
    {
        var window = keys.Contains(Window) ? WindowWidth(keys) : null;
        var isOn = keys.Flag(WindowSwitch, whenAbsent: true);
        AllowFullAttentionAlone(keys);
        return isOn ? window : null;
    }

    /// <summary>The window; 4096 if the key is absent, which is what that means where there is a window.</summary>
    protected static int? WindowWidth(DecoderConfigKeys keys)
    {
        if (!keys.Contains(Window) && keys.ContainsKeyEvenNull(Window))
        {
            return null;
        }

        var window = keys.Integer(Window, 4096);
        if (window < 1)
        {
            keys.Refuse(Window, "must be positive");
        }

        return window;
    }

    /// <summary>Refuses layers that see only a part of the text.</summary>
    protected static void AllowFullAttentionAlone(DecoderConfigKeys keys) =>
        keys.AllowElements("layer_types", FullAttention, $"is not implemented: every layer must be \"{FullAttention}\"");

    private bool AttentionBias(DecoderConfigKeys keys)
    {
        if (HasBiasSwitch)
        {
            return keys.Flag("attention_bias", false);
        }

        keys.Allow("attention_bias", ["false"], "means nothing in this family");
        return false;
    }

    private int HeadWidth(DecoderConfigKeys keys, int width, int heads)
    {
        const string Key = "head_dim";
        if (keys.Contains(Key))
        {
            return keys.Integer(Key);
        }

        if (HeadWidthWhenAbsent is { } usual && !keys.ContainsKeyEvenNull(Key))
        {
            return usual;
        }

        if (heads > 0 && width % heads != 0)
        {
            keys.Refuse("num_attention_heads", $"does not divide \"hidden_size\": {width}, and \"{Key}\" is not given");
        }

        return heads > 0 ? width / heads : 0;
    }

    private int Context(DecoderConfigKeys keys)
    {
        var context = keys.Integer("max_position_embeddings");
        if (SlidingWindow(keys) is { } window && window < context)
        {
            keys.Refuse(Window, FormattableString.Invariant(
                $"is not implemented: attention that sees only the last {window} tokens. Up to there it is the same: ")
                + FormattableString.Invariant($"set \"max_position_embeddings\" to {window} to use the model for texts of at most {window} tokens"));
        }

        return context;
    }

    [GeneratedRegex(@"\A(model\.)?(layers\.[0-9]+\.self_attn\.)?rotary_emb\.inv_freq\z")]
    private static partial Regex RotaryFrequencies();
}
