namespace Rlhf.Compute.Operations;

/// <summary>
/// A device that only counts: it hands out memory that does not exist and computes nothing. What would compute on the device that it stands for runs here in no
/// time and says how much memory
/// it takes. Numbers that are copied out stay what they were on the host. Each device derives its own, which says how long packed operands and key-value memory
/// are, and which operations
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
    public abstract long PackedLength(int inputs, int outputs, WeightStorage storage = WeightStorage.F32);

    /// <inheritdoc/>
    public abstract long KeyValueLength(AttentionShape shape, int capacity);

    /// <inheritdoc/>
    public virtual void LinearBackwardWeights(in LinearBackwardWeights operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LanguageHeadForward(in LanguageHeadForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LanguageHeadBackward(in LanguageHeadBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LogitsBackward(in LogitsBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void Divergence(in Divergence operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LogProbabilities(in LogProbabilities operation)
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
    public virtual void PackWeights(in PackWeights operation)
    {
    }

    /// <inheritdoc/>
    public virtual void PackWeightsTransposed(in PackWeightsTransposed operation)
    {
    }

    /// <inheritdoc/>
    public virtual void PackBlocks(in PackBlocks operation)
    {
    }

    /// <inheritdoc/>
    public virtual void UnpackWeights(in UnpackWeights operation)
    {
    }

    /// <inheritdoc/>
    public virtual void RepackTransposed(in RepackTransposed operation)
    {
    }

    /// <inheritdoc/>
    public virtual void PackedEmbedding(in PackedEmbedding operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LinearForward(in LinearForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LinearBackwardInput(in LinearBackwardInput operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LayerNormForward(in LayerNormForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void LayerNormBackward(in LayerNormBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void RmsNormForward(in RmsNormForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void RmsNormBackward(in RmsNormBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void GeluForward(in GeluForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void GeluBackward(in GeluBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void ReluForward(in ReluForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void ReluBackward(in ReluBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void GeGluForward(in GeGluForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void GeGluBackward(in GeGluBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void SwiGluForward(in SwiGluForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void SwiGluBackward(in SwiGluBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void Rotate(in Rotate operation)
    {
    }

    /// <inheritdoc/>
    public virtual void CopyKeyValues(in CopyKeyValues operation)
    {
    }

    /// <inheritdoc/>
    public virtual void AttentionForward(in AttentionForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void AttentionBackward(in AttentionBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void EmbeddingForward(in EmbeddingForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void EmbeddingBackward(in EmbeddingBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void AddUniformNoise(in AddUniformNoise operation)
    {
    }

    /// <inheritdoc/>
    public virtual void AddDropped(in AddDropped operation)
    {
    }

    /// <inheritdoc/>
    public virtual void GatherRows(in GatherRows operation)
    {
    }

    /// <inheritdoc/>
    public virtual void ScatterAddRows(in ScatterAddRows operation)
    {
    }

    /// <inheritdoc/>
    public virtual void ScalarHeadForward(in ScalarHeadForward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void ScalarHeadBackward(in ScalarHeadBackward operation)
    {
    }

    /// <inheritdoc/>
    public virtual void AdamW(in AdamW operation)
    {
    }

    /// <inheritdoc/>
    public virtual void Scale(FloatBuffer x, float factor)
    {
    }

    /// <inheritdoc/>
    public virtual void SoftCap(FloatBuffer x, float cap)
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
