namespace Rlhf.Compute.Operations;

/// <summary>
/// A device that only counts: it hands out memory that does not exist and computes nothing. What would compute on the device that it stands for runs here in no time and says how much memory
/// it takes. Numbers that are copied out stay what they were on the host. Each device derives its own, which says how long packed operands and key-value memory are, and which operations
/// have workspaces.
/// </summary>
public abstract unsafe class CountingDevice(Precision precision) : IDevice
{
    private long _allocated;
    private long _workspaces;

    /// <inheritdoc/>
    public string Description => "counts memory";

    /// <inheritdoc/>
    public Precision Precision => precision;

    /// <inheritdoc/>
    public int Threads => 1;

    /// <inheritdoc/>
    public long HeldBytes => sizeof(float) * (_allocated + _workspaces);

    /// <summary>The most that <see cref="HeldBytes"/> has been.</summary>
    public long PeakBytes { get; private set; }

    /// <inheritdoc/>
    public void ForEach(int parts, Action<int, int> work)
    {
        for (var part = 0; part < parts; part++)
        {
            work(part, 0);
        }
    }

    /// <inheritdoc/>
    public DeviceMemory Allocate(long floats)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(floats);
        _allocated += floats;
        Seen();
        return new DeviceMemory(new FloatBuffer(null, floats), buffer => _allocated -= buffer.Length);
    }

    /// <inheritdoc/>
    public abstract long PackedLength(int inputs, int outputs, Precision storage = Precision.F32);

    /// <inheritdoc/>
    public abstract long KeyValueLength(AttentionShape shape, int capacity);

    /// <inheritdoc/>
    public virtual void LinearBackwardWeights(FloatBuffer x, FloatBuffer dy, int rows, int inputs, Outputs outputs, WeightLayout layout, FloatBuffer dWeights, FloatBuffer dBias)
    {
    }

    /// <inheritdoc/>
    public virtual void LanguageHeadForward(
        FloatBuffer hidden, PackedMatrix packed, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities, FloatBuffer entropies, FloatBuffer logSumExp,
        FloatBuffer logits)
    {
    }

    /// <inheritdoc/>
    public virtual void LanguageHeadBackward(
        FloatBuffer hidden, PackedMatrix packed, FloatBuffer weights, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature,
        FloatBuffer entropies, FloatBuffer logSumExp, FloatBuffer logits, FloatBuffer dLogProbabilities, FloatBuffer dEntropies, FloatBuffer dHidden, FloatBuffer dWeights)
    {
    }

    /// <inheritdoc/>
    public virtual void LogProbabilities(FloatBuffer logits, IntBuffer targets, int rows, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities)
    {
    }

    /// <inheritdoc/>
    public double SquaredNorm(FloatBuffer x) => 0;

    /// <inheritdoc/>
    public void Dispose() => GC.SuppressFinalize(this); // nothing is held

    /// <inheritdoc/>
    public virtual void CopyIn(ReadOnlySpan<float> source, FloatBuffer destination)
    {
    }

    /// <inheritdoc/>
    public virtual void CopyIn(ReadOnlySpan<int> source, IntBuffer destination)
    {
    }

    /// <inheritdoc/>
    public virtual void CopyOut(FloatBuffer source, Span<float> destination)
    {
    }

    /// <inheritdoc/>
    public virtual void Copy(FloatBuffer source, FloatBuffer destination)
    {
    }

    /// <inheritdoc/>
    public virtual void Fill(FloatBuffer buffer, float value)
    {
    }

    /// <inheritdoc/>
    public virtual void PackWeights(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, PackedMatrix packed)
    {
    }

    /// <inheritdoc/>
    public virtual void PackWeightsTransposed(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, FloatBuffer packed)
    {
    }

    /// <inheritdoc/>
    public virtual void LinearForward(FloatBuffer x, PackedMatrix packed, FloatBuffer bias, int rows, int inputs, Outputs outputs, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public virtual void LinearBackwardInput(FloatBuffer dy, FloatBuffer packedTransposed, int rows, int inputs, Outputs outputs, bool accumulate, FloatBuffer dx)
    {
    }

    /// <inheritdoc/>
    public virtual void LayerNormForward(FloatBuffer x, FloatBuffer gain, FloatBuffer bias, int rows, int width, float epsilon, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocalDeviation)
    {
    }

    /// <inheritdoc/>
    public virtual void LayerNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer mean, FloatBuffer reciprocalDeviation, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dGain, FloatBuffer dBias)
    {
    }

    /// <inheritdoc/>
    public virtual void RmsNormForward(FloatBuffer x, FloatBuffer gain, int rows, int groups, int width, int rowStride, float epsilon, FloatBuffer y, FloatBuffer reciprocalRoot)
    {
    }

    /// <inheritdoc/>
    public virtual void RmsNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer reciprocalRoot, FloatBuffer dy, int rows, int groups, int width, int rowStride, bool accumulate, FloatBuffer dx, FloatBuffer dGain)
    {
    }

    /// <inheritdoc/>
    public virtual void GeluForward(FloatBuffer x, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public virtual void GeluBackward(FloatBuffer x, FloatBuffer dy, FloatBuffer dx)
    {
    }

    /// <inheritdoc/>
    public virtual void SwiGluForward(FloatBuffer gateUp, int rows, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public virtual void SwiGluBackward(FloatBuffer gateUp, FloatBuffer dy, int rows, int width, FloatBuffer dGateUp)
    {
    }

    /// <inheritdoc/>
    public virtual void Rotate(FloatBuffer x, IntBuffer positions, FloatBuffer cosines, FloatBuffer sines, int rows, int heads, int headWidth, int rowStride, bool inverse)
    {
    }

    /// <inheritdoc/>
    public virtual void CopyKeyValues(FloatBuffer source, FloatBuffer destination, AttentionShape shape, int capacity, int positions)
    {
    }

    /// <inheritdoc/>
    public virtual void AttentionForward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer keyValues, FloatBuffer output, FloatBuffer logSumExp)
    {
    }

    /// <inheritdoc/>
    public virtual void AttentionBackward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer output, FloatBuffer logSumExp, FloatBuffer dOutput, FloatBuffer dQkv)
    {
    }

    /// <inheritdoc/>
    public virtual void EmbeddingForward(IntBuffer tokens, IntBuffer positions, FloatBuffer tokenTable, FloatBuffer positionTable, int rows, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public virtual void EmbeddingBackward(IntBuffer tokens, IntBuffer positions, FloatBuffer dy, int rows, int width, FloatBuffer dTokenTable, FloatBuffer dPositionTable)
    {
    }

    /// <inheritdoc/>
    public virtual void AddUniformNoise(FloatBuffer x, FloatBuffer rowScales, int rows, int width, Dropout counter)
    {
    }

    /// <inheritdoc/>
    public virtual void AddDropped(FloatBuffer x, FloatBuffer y, int rows, int width, Dropout dropout, IntBuffer rowNumbers, FloatBuffer output)
    {
    }

    /// <inheritdoc/>
    public virtual void GatherRows(FloatBuffer x, IntBuffer rowNumbers, int count, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public virtual void ScatterAddRows(FloatBuffer dy, IntBuffer rowNumbers, int count, int width, FloatBuffer dx)
    {
    }

    /// <inheritdoc/>
    public virtual void ScalarHeadForward(FloatBuffer x, FloatBuffer weights, FloatBuffer bias, int rows, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public virtual void ScalarHeadBackward(FloatBuffer x, FloatBuffer weights, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dWeights, FloatBuffer dBias)
    {
    }

    /// <inheritdoc/>
    public virtual void AdamW(FloatBuffer parameters, FloatBuffer gradients, FloatBuffer firstMoments, FloatBuffer secondMoments, AdamWStep step)
    {
    }

    /// <inheritdoc/>
    public virtual void MoveTowards(FloatBuffer x, FloatBuffer target, float fraction)
    {
    }

    /// <summary>A workspace that grows to the largest call and stays; <paramref name="workspace"/> is its size until now, in floats.</summary>
    protected void Work(ref long workspace, long floats)
    {
        var grown = Math.Max(0, floats - workspace);
        workspace += grown;
        _workspaces += grown;
        Seen();
    }

    private void Seen() => PeakBytes = Math.Max(PeakBytes, HeldBytes);
}
