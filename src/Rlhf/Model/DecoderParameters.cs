namespace Rlhf.Model;

/// <summary>Parameters that lie next to each other without gaps: one fused matrix, or one fused vector.</summary>
internal sealed record ParameterGroup(params (string Name, int[] Shape)[] Members)
{
    /// <summary>Heads whose queries, keys and values stand together in the file; 0: the file's order is the buffer's.</summary>
    public int HeadsTogether { get; init; }

    public bool Decays => Members[0].Shape.Length >= 2;
}

/// <summary>The Hugging Face names of a block's modules; <c>.weight</c> and <c>.bias</c> follow them.</summary>
internal sealed record LayerParameterNames(
    string AttentionNorm, string[] Qkv, string QueryNorm, string KeyNorm, string Output, string FeedForwardNorm, string[] Up, string Down)
{
    /// <summary>The norm after attention, where there is one.</summary>
    public string AttentionAfterNorm { get; init; } = AttentionNorm;

    /// <summary>The norm after the feed-forward block, where there is one.</summary>
    public string FeedForwardAfterNorm { get; init; } = FeedForwardNorm;
}

/// <summary>The Hugging Face names of a family's parameters.</summary>
internal sealed record ParameterNames(
    string TokenEmbedding, string? PositionEmbedding, string FinalNorm, Func<int, LayerParameterNames> Layer)
{
    /// <summary>The untied language head.</summary>
    public string Head { get; init; } = "lm_head.weight";

    /// <summary>The language head's bias.</summary>
    public string HeadBias => Head[..Head.LastIndexOf('.')] + ".bias";

    /// <summary>The norm of the embedding.</summary>
    public string EmbeddingNorm { get; init; } = "";

    /// <summary>The projection of a narrow embedding to the width.</summary>
    public string ProjectIn { get; init; } = "";

    /// <summary>The projection of the width to a narrow embedding.</summary>
    public string ProjectOut { get; init; } = "";

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
        yield return new((names.TokenEmbedding, [config.VocabularySize, config.EmbeddingWidth]));
        if (config.Positions == Positions.Learned)
        {
            yield return new((names.PositionEmbedding!, [config.PositionRows, config.Width]));
        }

        if (config.NarrowEmbedding is { } narrow)
        {
            yield return new((names.ProjectIn, [config.Width, narrow]));
        }

        foreach (var group in Norm(config, names.EmbeddingNorm, config.HasEmbeddingNorm)
            .Concat(Enumerable.Range(0, config.Layers).SelectMany(layer => OfLayer(config, names.Layer(layer))))
            .Concat(Norm(config, names.FinalNorm, config.HasFinalNorm)))
        {
            yield return group;
        }

        if (config.NarrowEmbedding is { } width)
        {
            yield return new((names.ProjectOut, [width, config.Width]));
        }

        if (!config.TiedEmbeddings)
        {
            yield return new((names.Head, [config.VocabularySize, config.EmbeddingWidth]));
        }

        if (config.HeadBias)
        {
            yield return new((names.HeadBias, [config.VocabularySize]));
        }
    }

    private static IEnumerable<ParameterGroup> OfLayer(DecoderConfig config, LayerParameterNames names)
    {
        int[] qkv = names.Qkv.Length == 1
            ? [config.QueryWidth + (2 * config.KeyValueWidth)]
            : [config.QueryWidth, config.KeyValueWidth, config.KeyValueWidth];
        int[] up = names.Up.Length == 1 && config.IsGated ? [2 * config.FeedForwardWidth] : [.. names.Up.Select(_ => config.FeedForwardWidth)];
        return
        [
            .. Norm(config, names.AttentionNorm, config.NormsBefore),
            .. Linear(config, names.Qkv, config.Width, qkv, config.QkvBias).Select(group =>
                config.QkvByHead ? group with { HeadsTogether = config.Heads } : group),
            .. config.QueryKeyNorm != QueryKeyNorm.None ? new ParameterGroup[]
            {
                new((names.QueryNorm + ".weight", [config.QueryNormWidth])),
                new((names.KeyNorm + ".weight", [config.KeyNormWidth])),
            } : [],
            .. Linear(config, [names.Output], config.QueryWidth, [config.Width], config.OutputBias),
            .. Norm(config, names.AttentionAfterNorm, config.NormsAfter),
            .. Norm(config, names.FeedForwardNorm, config.NormsBefore && names.FeedForwardNorm != names.AttentionNorm),
            .. Linear(config, names.Up, config.Width, up, config.FeedForwardBias),
            .. Linear(config, [names.Down], config.FeedForwardWidth, [config.Width], config.FeedForwardBias),
            .. Norm(config, names.FeedForwardAfterNorm, config.NormsAfter),
        ];
    }

    private static IEnumerable<ParameterGroup> Norm(DecoderConfig config, string name, bool isThere)
    {
        if (!isThere)
        {
            yield break;
        }

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
