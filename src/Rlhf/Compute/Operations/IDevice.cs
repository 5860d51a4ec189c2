namespace Rlhf.Compute.Operations;

/// <summary>
/// The one door to arithmetic: about fifty operations on buffers that only the device dereferences. Shapes: N rows (tokens) of a packed batch, C width, R
/// response tokens, V vocabulary.
/// Every output element is summed in one order that depends on neither the batch nor the number of threads. Operations whose result is
/// called a gradient of parameters add to what stands there.
/// </summary>
public interface IDevice : IDisposable
{
    /// <summary>Name, instruction set and threads, for people.</summary>
    string Description { get; }

    /// <summary>What the operands of matrix products are rounded to, in linear layers and the language head.</summary>
    Precision Precision { get; }

    /// <summary>Threads of the host that <see cref="ForEach"/> shares its work out to.</summary>
    int Threads { get; }

    /// <summary>Bytes of memory in use: what <see cref="Allocate"/> gave and was not freed, and the device's own workspaces.</summary>
    long HeldBytes { get; }

    /// <summary>
    /// Work on the host between the device's operations, of which it may call <see cref="CopyOut"/> alone: calls <paramref name="work"/>(part, thread) for
    /// every part in [0, <paramref name="parts"/>), several
    /// at once, with thread &lt; <see cref="Threads"/>, and returns when all are done. What a part throws is thrown here.
    /// </summary>
    void ForEach(int parts, Action<int, int> work);

    /// <summary>Allocates zeroed memory.</summary>
    DeviceMemory Allocate(long floats);

    /// <summary>Copies from the host.</summary>
    void CopyIn(ReadOnlySpan<float> source, FloatBuffer destination);

    /// <summary>Copies integers from the host.</summary>
    void CopyIn(ReadOnlySpan<int> source, IntBuffer destination);

    /// <summary>Copies to the host.</summary>
    void CopyOut(FloatBuffer source, Span<float> destination);

    /// <summary>Copies inside the device; the buffers may not overlap.</summary>
    void Copy(FloatBuffer source, FloatBuffer destination);

    /// <summary>Sets every number to <paramref name="value"/>.</summary>
    void Fill(FloatBuffer buffer, float value);

    /// <summary>Floats that a packed [<paramref name="inputs"/>, <paramref name="outputs"/>] operand takes, stored in <paramref name="storage"/>.</summary>
    long PackedLength(int inputs, int outputs, WeightStorage storage = WeightStorage.F32);

    /// <inheritdoc cref="Operations.PackWeights"/>
    void PackWeights(in PackWeights operation);

    /// <inheritdoc cref="Operations.PackWeightsTransposed"/>
    void PackWeightsTransposed(in PackWeightsTransposed operation);

    /// <inheritdoc cref="Operations.PackBlocks"/>
    void PackBlocks(in PackBlocks operation);

    /// <inheritdoc cref="Operations.UnpackWeights"/>
    void UnpackWeights(in UnpackWeights operation);

    /// <inheritdoc cref="Operations.RepackTransposed"/>
    void RepackTransposed(in RepackTransposed operation);

    /// <inheritdoc cref="Operations.LinearForward"/>
    void LinearForward(in LinearForward operation);

    /// <inheritdoc cref="Operations.LinearBackwardInput"/>
    void LinearBackwardInput(in LinearBackwardInput operation);

    /// <inheritdoc cref="Operations.LinearBackwardWeights"/>
    void LinearBackwardWeights(in LinearBackwardWeights operation);

    /// <inheritdoc cref="Operations.LayerNormForward"/>
    void LayerNormForward(in LayerNormForward operation);

    /// <inheritdoc cref="Operations.LayerNormBackward"/>
    void LayerNormBackward(in LayerNormBackward operation);

    /// <inheritdoc cref="Operations.RmsNormForward"/>
    void RmsNormForward(in RmsNormForward operation);

    /// <inheritdoc cref="Operations.RmsNormBackward"/>
    void RmsNormBackward(in RmsNormBackward operation);

    /// <inheritdoc cref="Operations.GeluForward"/>
    void GeluForward(in GeluForward operation);

    /// <inheritdoc cref="Operations.GeluBackward"/>
    void GeluBackward(in GeluBackward operation);

    /// <inheritdoc cref="Operations.ReluForward"/>
    void ReluForward(in ReluForward operation);

    /// <inheritdoc cref="Operations.ReluBackward"/>
    void ReluBackward(in ReluBackward operation);

    /// <inheritdoc cref="Operations.GeGluForward"/>
    void GeGluForward(in GeGluForward operation);

    /// <inheritdoc cref="Operations.GeGluBackward"/>
    void GeGluBackward(in GeGluBackward operation);

    /// <inheritdoc cref="Operations.SwiGluForward"/>
    void SwiGluForward(in SwiGluForward operation);

    /// <inheritdoc cref="Operations.SwiGluBackward"/>
    void SwiGluBackward(in SwiGluBackward operation);

    /// <inheritdoc cref="Operations.Rotate"/>
    void Rotate(in Rotate operation);

    /// <summary>Floats of key-value memory for one sequence of at most <paramref name="capacity"/> positions.</summary>
    long KeyValueLength(AttentionShape shape, int capacity);

    /// <inheritdoc cref="Operations.CopyKeyValues"/>
    void CopyKeyValues(in CopyKeyValues operation);

    /// <inheritdoc cref="Operations.AttentionForward"/>
    void AttentionForward(in AttentionForward operation);

    /// <inheritdoc cref="Operations.AttentionBackward"/>
    void AttentionBackward(in AttentionBackward operation);

    /// <inheritdoc cref="Operations.EmbeddingForward"/>
    void EmbeddingForward(in EmbeddingForward operation);

    /// <inheritdoc cref="Operations.PackedEmbedding"/>
    void PackedEmbedding(in PackedEmbedding operation);

    /// <inheritdoc cref="Operations.EmbeddingBackward"/>
    void EmbeddingBackward(in EmbeddingBackward operation);

    /// <inheritdoc cref="Operations.AddUniformNoise"/>
    void AddUniformNoise(in AddUniformNoise operation);

    /// <inheritdoc cref="Operations.AddDropped"/>
    void AddDropped(in AddDropped operation);

    /// <inheritdoc cref="Operations.GatherRows"/>
    void GatherRows(in GatherRows operation);

    /// <inheritdoc cref="Operations.ScatterAddRows"/>
    void ScatterAddRows(in ScatterAddRows operation);

    /// <inheritdoc cref="Operations.LanguageHeadForward"/>
    void LanguageHeadForward(in LanguageHeadForward operation);

    /// <inheritdoc cref="Operations.LanguageHeadBackward"/>
    void LanguageHeadBackward(in LanguageHeadBackward operation);

    /// <inheritdoc cref="Operations.LogitsBackward"/>
    void LogitsBackward(in LogitsBackward operation);

    /// <inheritdoc cref="Operations.Divergence"/>
    void Divergence(in Divergence operation);

    /// <inheritdoc cref="Operations.LogProbabilities"/>
    void LogProbabilities(in LogProbabilities operation);

    /// <inheritdoc cref="Operations.ScalarHeadForward"/>
    void ScalarHeadForward(in ScalarHeadForward operation);

    /// <inheritdoc cref="Operations.ScalarHeadBackward"/>
    void ScalarHeadBackward(in ScalarHeadBackward operation);

    /// <inheritdoc cref="Operations.AdamW"/>
    void AdamW(in AdamW operation);

    /// <summary>The sum of squares in float64. Not finite if any number is not.</summary>
    double SquaredNorm(FloatBuffer x);

    /// <summary>x = factor x.</summary>
    void Scale(FloatBuffer x, float factor);

    /// <summary>x = cap tanh(x / cap) (Gemma Team 2024).</summary>
    void SoftCap(FloatBuffer x, float cap);

    /// <summary>x = x + fraction (target - x): a step of an exponential moving average.</summary>
    void MoveTowards(FloatBuffer x, FloatBuffer target, float fraction);
}
