using Rlhf.Model;

namespace Rlhf.Stages;

/// <summary>Arithmetic of one decoder, from its shape.</summary>
public sealed class ModelCosts(DecoderConfig config)
{
    private readonly ParameterLayout _layout = new(config);

    /// <summary>Numbers in the model.</summary>
    public long Parameters => _layout.ParameterCount;

    /// <summary>Floating-point operations of a token's forward pass through the blocks, at a sequence length.</summary>
    public double ForwardOperations(double length)
    {
        var keysAndValues = 2 * 2.0 * config.Width * config.KeyValueWidth;
        return config.Layers * (keysAndValues + QueryOperations(length));
    }

    /// <summary>Floating-point operations of a block that are for the token's own row: without keys and values. In the last block only target rows need
    /// them.</summary>
    public double QueryOperations(double length)
    {
        double c = config.Width;
        var feedForward = c * config.FeedForwardWidth * (config.FeedForward == FeedForward.SwiGlu ? 3 : 2);
        var attention = length * config.QueryWidth; // causal: half of 2 x length x width each for scores and values
        return 2 * ((2 * config.QueryWidth * c) + feedForward + attention);
    }

    /// <summary>Floating-point operations of the language head for one predicted token.</summary>
    public double HeadOperations => 2.0 * config.Width * config.VocabularySize;
}
