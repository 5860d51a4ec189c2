using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>
/// Gemma 2 (Gemma Team 2024): Llama with norms before and after the sublayers, whose gains are 1 + w, a scaled embedding, gated GELU, caps on scores and
/// logits, and a window in every second block.
/// </summary>
internal class Gemma2 : Llama
{
    protected const string ScoreCap = "attn_logit_softcapping";
    protected const string LogitCap = "final_logit_softcapping";
    protected const string QueryScale = "query_pre_attn_scalar";

    public override string Name => "gemma2";

    internal override DecoderConfig Style => base.Style with
    {
        NormPlacement = NormPlacement.BeforeAndAfter,
        GainsFromOne = true,
        FeedForward = FeedForward.GeGlu,
        ScoreCap = 50,
        LogitCap = 30,
    };

    internal override ParameterNames Tensors { get; } = new("model.embed_tokens.weight", null, "model.norm", layer => LayerNames(layer) with
    {
        AttentionAfterNorm = $"model.layers.{layer}.post_attention_layernorm",
        FeedForwardNorm = $"model.layers.{layer}.pre_feedforward_layernorm",
        FeedForwardAfterNorm = $"model.layers.{layer}.post_feedforward_layernorm",
    });

    protected override string ClassStem => "Gemma2";

    protected override bool HasFeedForwardBiasSwitch => false;

    protected override bool TiedWhenAbsent => true;

    protected override int? HeadWidthWhenAbsent => 256;

    protected override int KeyValueHeadsWhenAbsent(int heads) => 4;

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("use_bidirectional_attention", ["false"], "is not implemented: a row must see no later position");
        var config = base.Read(keys);
        return config with
        {
            QueryScaleWidth = keys.Number(QueryScale, 256),
            EmbeddingScale = Math.Sqrt(Math.Max(1, config.Width)),
            ScoreCap = Cap(keys, ScoreCap, Style.ScoreCap),
            LogitCap = Cap(keys, LogitCap, Style.LogitCap),
        };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys.Remove("hidden_act");
        keys["hidden_activation"] = "gelu_pytorch_tanh";
        keys[QueryScale] = config.QueryScaleWidth;
        keys[ScoreCap] = config.ScoreCap;
        keys[LogitCap] = config.LogitCap;
        keys[LayerKeys.Window] = config.Window;
        keys[LayerKeys.Types] = LayerKeys.Write(config.WindowLayers ?? LayerKeys.Of(config.Layers, _ => config.Window is not null));
        return keys;
    }

    internal override DecoderConfig Fresh(DecoderConfig config) => config with
    {
        EmbeddingScale = Math.Sqrt(Math.Max(1, config.Width)),
        QueryScaleWidth = Math.Max(1, config.HeadWidth),
        Window = UsualWindow,
        WindowLayers = LayerKeys.Of(config.Layers, IsWindowed),
    };

    /// <summary>The window where the file does not say it.</summary>
    protected virtual int UsualWindow => 4096;

    /// <summary>Whether a block has the window where the file does not say it.</summary>
    protected virtual bool IsWindowed(int layer) => layer % 2 == 0;

    // "hidden_act" is an older key, which is not read.
    protected override void AllowActivation(DecoderConfigKeys keys)
    {
        keys.Contains("hidden_act");
        keys.AllowActivation("hidden_activation", "gelu_pytorch_tanh", "gelu_new", "gelu_fast");
    }

    protected override (int? Width, EqualList<bool>? Layers) Windows(DecoderConfigKeys keys, int layers, int context)
    {
        var window = LayerKeys.Width(keys, UsualWindow);
        if (keys.Contains("sliding_window_size") && keys.Integer("sliding_window_size") != window)
        {
            keys.Refuse("sliding_window_size", $"contradicts \"{LayerKeys.Window}\""); // an echo of it in some files
        }

        var windowed = LayerKeys.Windowed(keys, layers) ?? Pattern(keys, layers);
        return window is null || !windowed.Contains(true) ? (null, null) : (window, windowed);
    }

    /// <summary>Which blocks have the window where <c>layer_types</c> is absent.</summary>
    protected virtual EqualList<bool> Pattern(DecoderConfigKeys keys, int layers) => LayerKeys.Of(layers, IsWindowed);

    private static double? Cap(DecoderConfigKeys keys, string key, double? usual)
    {
        if (!keys.Contains(key))
        {
            return keys.ContainsKeyEvenNull(key) ? null : usual;
        }

        var cap = keys.Number(key);
        if (cap <= 0)
        {
            keys.Refuse(key, "must be positive, or null for no cap");
        }

        return cap;
    }
}
