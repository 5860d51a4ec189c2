using Rlhf.Model;

namespace Rlhf.Stages;

/// <summary>Arithmetic of one decoder, from its shape.</summary>
public sealed class ModelCosts(DecoderConfig config)
{
    private readonly ParameterLayout _layout = new(config);

    /// <summary>Numbers in the model.</summary>
    public long Parameters => _layout.ParameterCount;

    /// <summary>Floating-point operations of a token's forward pass through the blocks and what is before them, at a sequence length.</summary>
    public double ForwardOperations(double length)
    {
        var keysAndValues = 2 * 2.0 * config.Width * config.KeyValueWidth;
        var attention = Enumerable.Range(0, config.Layers).Sum(layer => AttentionOperations(layer, length));
        return (config.Layers * (keysAndValues + OwnOperations)) + attention + Projection;
    }

    /// <summary>Floating-point operations of the last block that are for the token's own row: without keys and values. Only target rows need them.</summary>
    public double QueryOperations(double length) => OwnOperations + AttentionOperations(config.Layers - 1, length);

    /// <summary>Floating-point operations of the language head for one predicted token.</summary>
    public double HeadOperations => (2.0 * config.EmbeddingWidth * config.VocabularySize) + Projection;

    private double OwnOperations
    {
        get
        {
            double c = config.Width;
            return 2 * ((2 * config.QueryWidth * c) + (c * config.FeedForwardWidth * (config.IsGated ? 3 : 2)));
        }
    }

    /// <summary>Between a narrow embedding and the width.</summary>
    private double Projection => config.NarrowEmbedding is { } narrow ? 2.0 * narrow * config.Width : 0;

    /// <summary>Scores and values, 2 x width each for every position that a row sees: on average half of the length, in a window less.</summary>
    private double AttentionOperations(int layer, double length)
    {
        var window = config.WindowOf(layer);
        var seen = window == 0 || window >= length ? length / 2 : window - ((double)window * window / (2 * length));
        return 4 * seen * config.QueryWidth;
    }
}
