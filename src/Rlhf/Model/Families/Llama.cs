using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Families;

/// <summary>Llama (Touvron 2023): rotary positions, RMSNorm, SwiGLU, grouped heads.</summary>
internal partial class Llama : ModelFamily
{
    private const string Splits = "pretraining_tp";

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

    internal override ParameterNames Tensors { get; } = new("model.embed_tokens.weight", null, "model.norm", LayerNames);

    protected override string ClassStem => "Llama";

    /// <summary>Whether the file may ask for biases on all four projections of attention.</summary>
    protected virtual bool HasBiasSwitch => true;

    /// <summary>Whether the file may ask for biases in the feed-forward block.</summary>
    protected virtual bool HasFeedForwardBiasSwitch => true;

    /// <summary>Whether the usual library splits products as <c>pretraining_tp</c> says.</summary>
    protected virtual bool ReadsSplits => true;

    /// <summary>Keys of dropouts that are not applied here.</summary>
    protected virtual string[] OtherDropouts => ["attention_dropout"];

    /// <summary>Whether the file may have a part of a head's components turned.</summary>
    protected virtual bool TurnsParts => false;

    /// <summary>What an absent <c>tie_word_embeddings</c> means.</summary>
    protected virtual bool TiedWhenAbsent => false;

    /// <summary>What an absent <c>num_key_value_heads</c> means; null always means as many as heads.</summary>
    protected virtual int KeyValueHeadsWhenAbsent(int heads) => heads;

    /// <summary>What an absent <c>head_dim</c> means; null always means the width divided by the heads.</summary>
    protected virtual int? HeadWidthWhenAbsent => null;

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        AllowActivation(keys);
        keys.Allow("rope_interleaved", ["false"], "is not implemented: rotary positions turn components j and j + D/2");
        if (ReadsSplits)
        {
            keys.Allow(Splits, ["1", "0"], "is not implemented: it must be 1");
        }

        keys.Contains(Splits);
        var attentionBias = Switch(keys, "attention_bias", HasBiasSwitch);
        var (width, layers, heads) = (keys.Integer("hidden_size"), keys.Integer("num_hidden_layers"), keys.Integer("num_attention_heads"));
        var headWidth = HeadWidth(keys, width, heads);
        var rotary = Rotary(keys);
        var context = keys.Integer("max_position_embeddings");
        var (window, windowLayers) = Windows(keys, layers, context);
        var style = Style;
        return style with
        {
            VocabularySize = keys.Integer("vocab_size"),
            Width = width,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keys.Integer("num_key_value_heads", keys.ContainsKeyEvenNull("num_key_value_heads") ? heads : KeyValueHeadsWhenAbsent(heads)),
            HeadWidth = headWidth,
            FeedForwardWidth = keys.Integer("intermediate_size"),
            ContextLength = LongestRow(context, rotary.Scaling),
            NormEpsilon = keys.Number("rms_norm_eps", style.NormEpsilon),
            RotaryBase = rotary.Base,
            RotaryScaling = rotary.Scaling,
            TurnedWidth = rotary.Turned(headWidth),
            Window = window,
            WindowLayers = windowLayers,
            QkvBias = style.QkvBias || attentionBias,
            OutputBias = attentionBias,
            FeedForwardBias = Switch(keys, "mlp_bias", HasFeedForwardBiasSwitch),
            TiedEmbeddings = keys.Flag("tie_word_embeddings", TiedWhenAbsent),
            InitializerRange = keys.Number("initializer_range", 0.02),
            BosTokenId = keys.Id("bos_token_id"),
            EosTokenIds = keys.Ids("eos_token_id"),
            Notes = [.. keys.Notes(OtherDropouts), .. TurnsParts ? [] : RotaryKeys.Notes(keys)],
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
            ["max_position_embeddings"] = WrittenContext(config),
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

        if (HasFeedForwardBiasSwitch)
        {
            keys["mlp_bias"] = config.FeedForwardBias;
        }

        return keys;
    }

    internal override bool IsBuffer(string tensor) => RotaryFrequencies().IsMatch(tensor);

    /// <summary>The names that Llama and its relatives give to a block.</summary>
    protected static LayerParameterNames LayerNames(int layer) => new(
        $"model.layers.{layer}.input_layernorm",
        [$"model.layers.{layer}.self_attn.q_proj", $"model.layers.{layer}.self_attn.k_proj", $"model.layers.{layer}.self_attn.v_proj"],
        $"model.layers.{layer}.self_attn.q_norm", $"model.layers.{layer}.self_attn.k_norm", $"model.layers.{layer}.self_attn.o_proj",
        $"model.layers.{layer}.post_attention_layernorm",
        [$"model.layers.{layer}.mlp.gate_proj", $"model.layers.{layer}.mlp.up_proj"], $"model.layers.{layer}.mlp.down_proj");

    /// <summary>Refuses activations that the family's style does not have.</summary>
    protected virtual void AllowActivation(DecoderConfigKeys keys) => keys.AllowActivation("hidden_act", "silu", "swish");

    /// <summary>The keys of rotary positions.</summary>
    protected virtual RotarySettings Rotary(DecoderConfigKeys keys) => RotaryKeys.Read(keys, Style.RotaryBase, TurnsParts);

    /// <summary>Positions that a row sees, null for all, and in which blocks, null for all. Llama itself has no windows: a file that names one means another
    /// model.</summary>
    protected virtual (int? Width, EqualList<bool>? Layers) Windows(DecoderConfigKeys keys, int layers, int context)
    {
        LayerKeys.AllowFullAttentionAlone(keys);
        var width = LayerKeys.Width(keys, null);
        if (keys.Flag(LayerKeys.WindowSwitch, whenAbsent: true) && width is { } window && window < context)
        {
            keys.Refuse(LayerKeys.Window, FormattableString.Invariant(
                $"is not implemented in this family: attention that sees only the last {window} tokens. Up to there it is the same: ")
                + FormattableString.Invariant($"set \"max_position_embeddings\" to {window} to use the model for texts of at most {window} tokens"));
        }

        return (null, null);
    }

    private static bool Switch(DecoderConfigKeys keys, string key, bool isRead)
    {
        if (isRead)
        {
            return keys.Flag(key, false);
        }

        keys.Allow(key, ["false"], "means nothing in this family");
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

    [GeneratedRegex(@"\A(model\.)?(layers\.[0-9]+\.self_attn\.)?rotary_emb\.inv_freq\z")]
    private static partial Regex RotaryFrequencies();
}
