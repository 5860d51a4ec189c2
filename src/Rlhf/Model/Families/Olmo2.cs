namespace Rlhf.Model.Families;

/// <summary>OLMo 2 (OLMo Team 2024): Llama with norms after the sublayers instead of before, and a norm over all queries and over all keys.</summary>
internal sealed class Olmo2 : Llama
{
    public override string Name => "olmo2";

    internal override DecoderConfig Style => base.Style with
    {
        NormEpsilon = 1e-5,
        NormPlacement = NormPlacement.After,
        QueryKeyNorm = QueryKeyNorm.Whole,
    };

    internal override ParameterNames Tensors { get; } = new("model.embed_tokens.weight", null, "model.norm", layer => LayerNames(layer) with
    {
        AttentionAfterNorm = $"model.layers.{layer}.post_attention_layernorm",
        FeedForwardAfterNorm = $"model.layers.{layer}.post_feedforward_layernorm",
    });

    protected override string ClassStem => "Olmo2";

    protected override bool HasFeedForwardBiasSwitch => false;
}
