using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.OneDnn;

namespace Rlhf.Compute;

/// <summary>
/// A device that only counts: it hands out memory that does not exist and computes nothing. What would compute on the CPU device runs here in no time and says how much memory it takes.
/// Numbers that are copied out stay what they were on the host.
/// </summary>
public sealed unsafe class CountingDevice(Precision precision) : IDevice
{
    private long _allocated;
    private long _packed; // floats of the CPU device's workspaces
    private long _chunk;
    private long _logits;
    private long _states;

    /// <inheritdoc/>
    public string Description => "counts memory";

    /// <inheritdoc/>
    public Precision Precision => precision;

    /// <inheritdoc/>
    public int Threads => 1;

    /// <inheritdoc/>
    public long HeldBytes => sizeof(float) * (_allocated + _packed + _chunk + _logits + _states);

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
    public long PackedLength(int inputs, int outputs, Precision storage = Precision.F32) =>
        precision == Precision.Bf16 ? BFloat16Packing.Length(inputs, outputs) : MatMul.PackedLength(inputs, outputs) / (storage == Precision.Bf16 ? 2 : 1);

    /// <inheritdoc/>
    public long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, precision);

    /// <inheritdoc/>
    public void LinearBackwardWeights(FloatBuffer x, FloatBuffer dy, int rows, int inputs, Outputs outputs, WeightLayout layout, FloatBuffer dWeights, FloatBuffer dBias) =>
        Work(ref _packed, PackedLength(rows, layout == WeightLayout.InputMajor ? outputs.Count : inputs));

    /// <inheritdoc/>
    public void LanguageHeadForward(
        FloatBuffer hidden, PackedMatrix packed, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities, FloatBuffer entropies, FloatBuffer logSumExp,
        FloatBuffer logits)
    {
        States(rows);
        ChunkLogits(logits);
    }

    /// <inheritdoc/>
    public void LanguageHeadBackward(
        FloatBuffer hidden, PackedMatrix packed, FloatBuffer weights, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature,
        FloatBuffer entropies, FloatBuffer logSumExp, FloatBuffer logits, FloatBuffer dLogProbabilities, FloatBuffer dEntropies, FloatBuffer dHidden, FloatBuffer dWeights)
    {
        Work(ref _packed, PackedLength(rows, width));
        Work(ref _chunk, PackedLength(Math.Min(LanguageHead.ChunkColumns, vocabulary), width));
        ChunkLogits(logits);
    }

    /// <inheritdoc/>
    public void LogProbabilities(FloatBuffer logits, IntBuffer targets, int rows, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities) => States(rows);

    /// <inheritdoc/>
    public double SquaredNorm(FloatBuffer x) => 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }

    /// <inheritdoc/>
    public void CopyIn(ReadOnlySpan<float> source, FloatBuffer destination)
    {
    }

    /// <inheritdoc/>
    public void CopyIn(ReadOnlySpan<int> source, IntBuffer destination)
    {
    }

    /// <inheritdoc/>
    public void CopyOut(FloatBuffer source, Span<float> destination)
    {
    }

    /// <inheritdoc/>
    public void Copy(FloatBuffer source, FloatBuffer destination)
    {
    }

    /// <inheritdoc/>
    public void Fill(FloatBuffer buffer, float value)
    {
    }

    /// <inheritdoc/>
    public void PackWeights(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, PackedMatrix packed)
    {
    }

    /// <inheritdoc/>
    public void PackWeightsTransposed(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, FloatBuffer packed)
    {
    }

    /// <inheritdoc/>
    public void LinearForward(FloatBuffer x, PackedMatrix packed, FloatBuffer bias, int rows, int inputs, Outputs outputs, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public void LinearBackwardInput(FloatBuffer dy, FloatBuffer packedTransposed, int rows, int inputs, Outputs outputs, bool accumulate, FloatBuffer dx)
    {
    }

    /// <inheritdoc/>
    public void LayerNormForward(FloatBuffer x, FloatBuffer gain, FloatBuffer bias, int rows, int width, float epsilon, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocalDeviation)
    {
    }

    /// <inheritdoc/>
    public void LayerNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer mean, FloatBuffer reciprocalDeviation, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dGain, FloatBuffer dBias)
    {
    }

    /// <inheritdoc/>
    public void RmsNormForward(FloatBuffer x, FloatBuffer gain, int rows, int groups, int width, int rowStride, float epsilon, FloatBuffer y, FloatBuffer reciprocalRoot)
    {
    }

    /// <inheritdoc/>
    public void RmsNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer reciprocalRoot, FloatBuffer dy, int rows, int groups, int width, int rowStride, bool accumulate, FloatBuffer dx, FloatBuffer dGain)
    {
    }

    /// <inheritdoc/>
    public void GeluForward(FloatBuffer x, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public void GeluBackward(FloatBuffer x, FloatBuffer dy, FloatBuffer dx)
    {
    }

    /// <inheritdoc/>
    public void SwiGluForward(FloatBuffer gateUp, int rows, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public void SwiGluBackward(FloatBuffer gateUp, FloatBuffer dy, int rows, int width, FloatBuffer dGateUp)
    {
    }

    /// <inheritdoc/>
    public void Rotate(FloatBuffer x, IntBuffer positions, FloatBuffer cosines, FloatBuffer sines, int rows, int heads, int headWidth, int rowStride, bool inverse)
    {
    }

    /// <inheritdoc/>
    public void CopyKeyValues(FloatBuffer source, FloatBuffer destination, AttentionShape shape, int capacity, int positions)
    {
    }

    /// <inheritdoc/>
    public void AttentionForward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer keyValues, FloatBuffer output, FloatBuffer logSumExp)
    {
    }

    /// <inheritdoc/>
    public void AttentionBackward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer output, FloatBuffer logSumExp, FloatBuffer dOutput, FloatBuffer dQkv)
    {
    }

    /// <inheritdoc/>
    public void EmbeddingForward(IntBuffer tokens, IntBuffer positions, FloatBuffer tokenTable, FloatBuffer positionTable, int rows, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public void EmbeddingBackward(IntBuffer tokens, IntBuffer positions, FloatBuffer dy, int rows, int width, FloatBuffer dTokenTable, FloatBuffer dPositionTable)
    {
    }

    /// <inheritdoc/>
    public void AddUniformNoise(FloatBuffer x, FloatBuffer rowScales, int rows, int width, Dropout counter)
    {
    }

    /// <inheritdoc/>
    public void AddDropped(FloatBuffer x, FloatBuffer y, int rows, int width, Dropout dropout, IntBuffer rowNumbers, FloatBuffer output)
    {
    }

    /// <inheritdoc/>
    public void GatherRows(FloatBuffer x, IntBuffer rowNumbers, int count, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public void ScatterAddRows(FloatBuffer dy, IntBuffer rowNumbers, int count, int width, FloatBuffer dx)
    {
    }

    /// <inheritdoc/>
    public void ScalarHeadForward(FloatBuffer x, FloatBuffer weights, FloatBuffer bias, int rows, int width, FloatBuffer y)
    {
    }

    /// <inheritdoc/>
    public void ScalarHeadBackward(FloatBuffer x, FloatBuffer weights, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dWeights, FloatBuffer dBias)
    {
    }

    /// <inheritdoc/>
    public void AdamW(FloatBuffer parameters, FloatBuffer gradients, FloatBuffer firstMoments, FloatBuffer secondMoments, AdamWStep step)
    {
    }

    /// <inheritdoc/>
    public void MoveTowards(FloatBuffer x, FloatBuffer target, float fraction)
    {
    }

    private void ChunkLogits(FloatBuffer kept)
    {
        if (kept.IsEmpty)
        {
            Work(ref _logits, (long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }
    }

    private void States(int rows) => Work(ref _states, (long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));

    private void Work(ref long workspace, long floats)
    {
        workspace = Math.Max(workspace, floats);
        Seen();
    }

    private void Seen() => PeakBytes = Math.Max(PeakBytes, HeldBytes);
}
