using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>The memory that the CPU device takes.</summary>
internal sealed unsafe class CpuCountingDevice(Precision precision) : CountingDevice(precision)
{
    private long _packed; // floats of the CPU device's workspaces
    private long _chunk;
    private long _logits;
    private long _states;

    public override long PackedLength(int inputs, int outputs, Precision storage = Precision.F32) =>
        Precision == Precision.Bf16 ? BFloat16Packing.Length(inputs, outputs) : MatMul.MatMul.PackedLength(inputs, outputs) / (storage == Precision.Bf16 ? 2 : 1);

    public override long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, Precision);

    public override void LinearBackwardWeights(FloatBuffer x, FloatBuffer dy, int rows, int inputs, Outputs outputs, WeightLayout layout, FloatBuffer dWeights, FloatBuffer dBias) =>
        Work(ref _packed, PackedLength(rows, layout == WeightLayout.InputMajor ? outputs.Count : inputs));

    public override void LanguageHeadForward(
        FloatBuffer hidden, PackedMatrix packed, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities, FloatBuffer entropies, FloatBuffer logSumExp,
        FloatBuffer logits)
    {
        States(rows);
        ChunkLogits(logits);
    }

    public override void LanguageHeadBackward(
        FloatBuffer hidden, PackedMatrix packed, FloatBuffer weights, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature,
        FloatBuffer entropies, FloatBuffer logSumExp, FloatBuffer logits, FloatBuffer dLogProbabilities, FloatBuffer dEntropies, FloatBuffer dHidden, FloatBuffer dWeights)
    {
        Work(ref _packed, PackedLength(rows, width));
        Work(ref _chunk, PackedLength(Math.Min(LanguageHead.ChunkColumns, vocabulary), width));
        ChunkLogits(logits);
    }

    public override void LogProbabilities(FloatBuffer logits, IntBuffer targets, int rows, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities) => States(rows);

    private void ChunkLogits(FloatBuffer kept)
    {
        if (kept.IsEmpty)
        {
            Work(ref _logits, (long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }
    }

    private void States(int rows) => Work(ref _states, (long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));
}
