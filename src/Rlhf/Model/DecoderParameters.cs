namespace Rlhf.Model;

/// <summary>Parameters that lie next to each other without gaps: one fused matrix, or one fused vector.</summary>
internal sealed record ParameterGroup(params (string Name, int[] Shape)[] Members)
{
    public bool Decays => Members[0].Shape.Length >= 2;
}

/// <summary>The Hugging Face names of a block's modules; <c>.weight</c> and <c>.bias</c> follow them.</summary>
internal sealed record LayerParameterNames(
    string AttentionNorm, string[] Qkv, string QueryNorm, string KeyNorm, string Output, string FeedForwardNorm, string[] Up, string Down);

/// <summary>The Hugging Face names of a family's parameters.</summary>
internal sealed record ParameterNames(
    string TokenEmbedding, string? PositionEmbedding, string FinalNorm, Func<int, LayerParameterNames> Layer)
{
    /// <summary>The untied language head has the same name in every family.</summary>
    public const string Head = "lm_head.weight";

    private static readonly ParameterNames Gpt2 = new(
        "transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f", layer => new LayerParameterNames(
            $"transformer.h.{layer}.ln_1", [$"transformer.h.{layer}.attn.c_attn"],
            $"transformer.h.{layer}.attn.q_norm", $"transformer.h.{layer}.attn.k_norm", $"transformer.h.{layer}.attn.c_proj",
            $"transformer.h.{layer}.ln_2", [$"transformer.h.{layer}.mlp.c_fc"], $"transformer.h.{layer}.mlp.c_proj"));

    private static readonly ParameterNames Llama = new(
        "model.embed_tokens.weight", null, "model.norm", layer => new LayerParameterNames(
            $"model.layers.{layer}.input_layernorm",
            [$"model.layers.{layer}.self_attn.q_proj", $"model.layers.{layer}.self_attn.k_proj", $"model.layers.{layer}.self_attn.v_proj"],
            $"model.layers.{layer}.self_attn.q_norm", $"model.layers.{layer}.self_attn.k_norm", $"model.layers.{layer}.self_attn.o_proj",
            $"model.layers.{layer}.post_attention_layernorm",
            [$"model.layers.{layer}.mlp.gate_proj", $"model.layers.{layer}.mlp.up_proj"], $"model.layers.{layer}.mlp.down_proj"));

    public string FinalNormGain => FinalNorm + ".weight";

    public string FinalNormBias => FinalNorm + ".bias";

    public static ParameterNames Of(DecoderConfig config) => config.Family == DecoderFamily.Gpt2 ? Gpt2 : Llama;
}

/// <summary>Lists the parameters that a decoder's configuration asks for.</summary>
internal static class DecoderParameters
{
    /// <summary>Every parameter of the decoder, fused ones together, in the order of the forward pass.</summary>
    public static IEnumerable<ParameterGroup> Of(DecoderConfig config)
    {
        var names = ParameterNames.Of(config);
        yield return new((names.TokenEmbedding, [config.VocabularySize, config.Width]));
        if (config.Positions == Positions.Learned)
        {
            yield return new((names.PositionEmbedding!, [config.PositionRows, config.Width]));
        }

        for (var layer = 0; layer < config.Layers; layer++)
        {
            foreach (var group in OfLayer(config, names.Layer(layer)))
            {
                yield return group;
            }
        }

        foreach (var group in Norm(config, names.FinalNorm))
        {
            yield return group;
        }

        if (!config.TiedEmbeddings)
        {
            yield return new((ParameterNames.Head, [config.VocabularySize, config.Width]));
        }
    }

    private static IEnumerable<ParameterGroup> OfLayer(DecoderConfig config, LayerParameterNames names)
    {
        int[] qkv = names.Qkv.Length == 1
            ? [config.QueryWidth + (2 * config.KeyValueWidth)]
            : [config.QueryWidth, config.KeyValueWidth, config.KeyValueWidth];
        int[] up = [.. names.Up.Select(_ => config.FeedForwardWidth)];
        return
        [
            .. Norm(config, names.AttentionNorm),
            .. Linear(config, names.Qkv, config.Width, qkv, config.QkvBias),
            .. config.QueryKeyNorm ? new ParameterGroup[]
            {
                new((names.QueryNorm + ".weight", [config.HeadWidth])),
                new((names.KeyNorm + ".weight", [config.HeadWidth])),
            } : [],
            .. Linear(config, [names.Output], config.QueryWidth, [config.Width], config.OutputBias),
            .. Norm(config, names.FeedForwardNorm),
            .. Linear(config, names.Up, config.Width, up, config.FeedForwardBias),
            .. Linear(config, [names.Down], config.FeedForwardWidth, [config.Width], config.FeedForwardBias),
        ];
    }

    private static IEnumerable<ParameterGroup> Norm(DecoderConfig config, string name)
    {
        yield return new((name + ".weight", [config.Width]));
        if (config.Normalization == Normalization.LayerNorm)
        {
            yield return new((name + ".bias", [config.Width]));
        }
    }

    private static IEnumerable<ParameterGroup> Linear(DecoderConfig config, string[] names, int input, int[] outputs, bool bias)
    {
        yield return new([.. names.Zip(outputs, (name, output) =>
            (name + ".weight", config.WeightsAreInputMajor ? new[] { input, output } : [output, input]))]);
        if (bias)
        {
            yield return new([.. names.Zip(outputs, (name, output) => (name + ".bias", new[] { output }))]);
        }
    }
}
