using Rlhf.Model;
using Rlhf.Numerics;

namespace Rlhf.Runs;

/// <summary>Arithmetic and memory of one decoder, from its shape.</summary>
internal sealed class ModelCosts(DecoderConfig config, Precision precision = Precision.F32)
{
    private readonly ParameterLayout layout = new(config);

    /// <summary>Numbers in the model.</summary>
    public long Parameters => layout.ParameterCount;

    private long PackedBytes => precision == Precision.Bf16 ? sizeof(ushort) : sizeof(float);

    /// <summary>Bytes of the weights with the packed copies that matrix products read; twice as many copies where backward passes are wanted.</summary>
    public long WeightBytes(bool trainable) => layout.Length * (sizeof(float) + (PackedBytes * (trainable ? 2 : 1)));

    /// <summary>Bytes that training adds to the weights: gradient and two moments.</summary>
    public long OptimizerBytes => sizeof(float) * layout.Length * 3;

    /// <summary>Bytes of one more copy of the weights, as the best model or a running mean.</summary>
    public long CopyBytes => sizeof(float) * layout.Length;

    /// <summary>Floating-point operations of a token's forward pass through the blocks, at a sequence length.</summary>
    public double ForwardOperations(double length)
    {
        double c = config.Width;
        var qkv = c * (config.QueryWidth + (2.0 * config.KeyValueWidth));
        var feedForward = c * config.FeedForwardWidth * (config.FeedForward == FeedForward.SwiGlu ? 3 : 2);
        var attention = length * config.QueryWidth; // causal: half of 2 x length x width each for scores and values
        return 2 * config.Layers * (qkv + (config.QueryWidth * c) + feedForward + attention);
    }

    /// <summary>Floating-point operations of the language head for one predicted token.</summary>
    public double HeadOperations => 2.0 * config.Width * config.VocabularySize;

    /// <summary>Bytes of activations while <paramref name="tokens"/> tokens are trained on at once: what the decoder takes from its arena.</summary>
    public long TrainingBytes(long tokens)
    {
        long upWidth = config.FeedForward == FeedForward.SwiGlu ? 2L * config.FeedForwardWidth : config.FeedForwardWidth;
        var rowWidth = config.QueryWidth + (2L * config.KeyValueWidth);
        var block = (4L * config.Width) + rowWidth + config.QueryWidth + upWidth + config.FeedForwardWidth + config.Heads + 4 + (config.QueryKeyNorm ? rowWidth : 0);
        var scratch = (5L * config.Width) + config.FeedForwardWidth + upWidth + config.QueryWidth + rowWidth + (2L * config.KeyValueWidth);
        return sizeof(float) * tokens * ((config.Layers * block) + scratch);
    }

    /// <summary>Bytes of activations of a forward pass alone.</summary>
    public long ScoringBytes(long tokens) => TrainingBytes(tokens) / Math.Max(1, config.Layers);

    /// <summary>Bytes of the key-value cache.</summary>
    public long CacheBytes(long sequences, long tokens) => sizeof(float) * sequences * Math.Min(tokens, config.ContextLength) * 2L * config.KeyValueWidth * config.Layers;
}
