using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>Phi-3 (Abdin 2024), Phi-4: Llama with fused projections, a window in every block, maybe a part of each head turned, LongRoPE.</summary>
internal sealed class Phi3 : Llama
{
    private const string Original = "original_max_position_embeddings";

    public override string Name => "phi3";

    internal override DecoderConfig Style => base.Style with { NormEpsilon = 1e-5 };

    internal override ParameterNames Tensors { get; } = new("model.embed_tokens.weight", null, "model.norm", layer => LayerNames(layer) with
    {
        Qkv = [$"model.layers.{layer}.self_attn.qkv_proj"],
        Up = [$"model.layers.{layer}.mlp.gate_up_proj"],
    });

    protected override string ClassStem => "Phi3";

    protected override bool HasBiasSwitch => false;

    protected override bool HasFeedForwardBiasSwitch => false;

    protected override bool TurnsParts => true;

    protected override string[] OtherDropouts => ["attention_dropout", "embd_pdrop"];

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Allow("full_attn_mod", ["1"], "is not implemented: every block must be like the others");
        keys.Allow("interpolate_factor", ["1"], "is not implemented: it must be 1");
        keys.Allow("lm_head_bias", ["false"], "is not implemented: the language head has no bias in this family");
        return base.Read(keys) with { ResidualDropoutInFile = keys.Number("resid_pdrop", 0) };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys["partial_rotary_factor"] = RotaryKeys.Fraction(config);
        keys[LayerKeys.Window] = config.Window;
        keys["resid_pdrop"] = config.ResidualDropoutInFile;
        keys["embd_pdrop"] = 0.0;
        keys[Original] = config.RotaryScaling is { Kind: RotaryScaling.LongRope } scaling ? scaling.OriginalContext : config.ContextLength;
        return keys;
    }

    protected override RotarySettings Rotary(DecoderConfigKeys keys) =>
        RotaryKeys.Read(keys, Style.RotaryBase, canBePartial: true, usualOriginal: 4096);

    protected override (int? Width, EqualList<bool>? Layers) Windows(DecoderConfigKeys keys, int layers, int context) =>
        (LayerKeys.OfEveryBlock(keys, layers, context, whenAbsent: null), null);
}
