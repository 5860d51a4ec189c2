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
    /// <summary>The untied language head.</summary>
    public string Head { get; init; } = "lm_head.weight";

    public string FinalNormGain => FinalNorm + ".weight";

    public string FinalNormBias => FinalNorm + ".bias";
}

/// <summary>Lists the parameters that a decoder's configuration asks for.</summary>
internal static class DecoderParameters
{
    /// <summary>Every parameter of the decoder, fused ones together, in the order of the forward pass.</summary>
    public static IEnumerable<ParameterGroup> Of(DecoderConfig config)
    {
        var names = config.Family.Tensors;
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
            yield return new((names.Head, [config.VocabularySize, config.Width]));
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
