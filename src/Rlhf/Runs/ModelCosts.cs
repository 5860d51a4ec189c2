using Rlhf.Model;
using Rlhf.Numerics;
using MatMul = Rlhf.Numerics.Cpu.MatMul;

namespace Rlhf.Runs;

/// <summary>Arithmetic and memory of one decoder, from its shape.</summary>
internal sealed class ModelCosts(DecoderConfig config, Precision precision = Precision.F32, Precision frozenPrecision = Precision.F32)
{
    private readonly ParameterLayout layout = new(config);

    /// <summary>Numbers in the model.</summary>
    public long Parameters => layout.ParameterCount;

    /// <summary>
    /// Bytes of the weights with the packed copies that matrix products read. A model in training keeps such copies if it has a language head, which decoding reads; a frozen one has
    /// its matrices in packed form alone (<see cref="Decoder"/>).
    /// </summary>
    public long WeightBytes(HeadKind heads, bool trainable)
    {
        var packed = PackedBlocks + (heads.HasFlag(HeadKind.Language) ? MatMul.PackedLength(config.Width, config.VocabularySize) : 0);
        var flat = trainable ? layout.Length : layout.Length - BlockMatrices - (config.TiedEmbeddings ? 0 : (long)config.VocabularySize * config.Width);
        return (sizeof(float) * flat) + (trainable && heads == HeadKind.Scalar ? 0 : PackedBytes(trainable) * packed);
    }

    /// <summary>Bytes that training adds to the weights: gradient and two moments.</summary>
    public long OptimizerBytes => sizeof(float) * layout.Length * 3;

    /// <summary>Bytes of one more copy of the weights, as the best model or a running mean.</summary>
    public long CopyBytes => sizeof(float) * layout.Length;

    /// <summary>Floating-point operations of a token's forward pass through the blocks, at a sequence length.</summary>
    public double ForwardOperations(double length)
    {
        var keysAndValues = 2 * 2.0 * config.Width * config.KeyValueWidth;
        return config.Layers * (keysAndValues + QueryOperations(length));
    }

    /// <summary>Floating-point operations of a block that are for the token's own row: without keys and values. In the last block only target rows need them.</summary>
    public double QueryOperations(double length)
    {
        double c = config.Width;
        var feedForward = c * config.FeedForwardWidth * (config.FeedForward == FeedForward.SwiGlu ? 3 : 2);
        var attention = length * config.QueryWidth; // causal: half of 2 x length x width each for scores and values
        return 2 * ((2 * config.QueryWidth * c) + feedForward + attention);
    }

    /// <summary>Floating-point operations of the language head for one predicted token.</summary>
    public double HeadOperations => 2.0 * config.Width * config.VocabularySize;

    /// <summary>Bytes of activations while <paramref name="tokens"/> tokens are trained on at once, of which <paramref name="targets"/> are predicted: what the decoder takes from its arena.</summary>
    /// <param name="tokens">Tokens of a micro-batch.</param>
    /// <param name="targets">Tokens whose log-probability is wanted; 0 for a scalar head.</param>
    /// <param name="recompute">Only the blocks' inputs are kept.</param>
    public long TrainingBytes(long tokens, long targets, bool recompute)
    {
        var blocks = recompute ? (config.Layers * (long)config.Width) + BlockActivations : config.Layers * BlockActivations;
        var backward = (3L * config.Width) + config.FeedForwardWidth + UpWidth + config.QueryWidth + RowWidth; // gradients of hidden states and of one block
        var logits = targets * config.VocabularySize;
        var head = targets * 2L * config.Width + (logits <= LanguageHead.MostKeptLogits ? logits : 0);
        return sizeof(float) * ((tokens * (blocks + backward + Ends)) + head + LargestPacked);
    }

    /// <summary>Bytes of activations of a forward pass alone.</summary>
    public long ScoringBytes(long tokens) => sizeof(float) * tokens * (BlockActivations + Ends);

    /// <summary>Bytes of the key-value cache.</summary>
    public long CacheBytes(long sequences, long tokens) => sizeof(float) * sequences * Math.Min(tokens, config.ContextLength) * 2L * config.KeyValueWidth * config.Layers;

    private long PackedBytes(bool trainable) => precision == Precision.Bf16 || (!trainable && frozenPrecision == Precision.Bf16) ? sizeof(ushort) : sizeof(float);

    private long UpWidth => config.FeedForward == FeedForward.SwiGlu ? 2L * config.FeedForwardWidth : config.FeedForwardWidth;

    private long RowWidth => config.QueryWidth + (2L * config.KeyValueWidth);

    /// <summary>Floats of a token in one block (LayerActivations).</summary>
    private long BlockActivations =>
        (4L * config.Width) + RowWidth + config.QueryWidth + UpWidth + config.FeedForwardWidth + config.Heads + 4 + (config.QueryKeyNorm ? RowWidth + config.Heads + config.KeyValueHeads : 0);

    /// <summary>Floats of a token outside the blocks: embedding, final norm, keys and values of the block at work.</summary>
    private long Ends => (2L * config.Width) + (2L * config.KeyValueWidth);

    private (long Inputs, long Outputs)[] Matrices =>
        [(config.Width, RowWidth), (config.QueryWidth, config.Width), (config.Width, UpWidth), (config.FeedForwardWidth, config.Width)];

    private long BlockMatrices => config.Layers * Matrices.Sum(static matrix => matrix.Inputs * matrix.Outputs);

    private long PackedBlocks => config.Layers * Matrices.Sum(static matrix => MatMul.PackedLength(matrix.Inputs, matrix.Outputs));

    private long LargestPacked => Matrices.Max(static matrix => Math.Max(MatMul.PackedLength(matrix.Inputs, matrix.Outputs), MatMul.PackedLength(matrix.Outputs, matrix.Inputs)));
}
