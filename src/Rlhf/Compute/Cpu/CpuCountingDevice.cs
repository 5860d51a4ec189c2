using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>The memory that the CPU device takes.</summary>
internal sealed unsafe class CpuCountingDevice(Precision precision) : CountingDevice(precision)
{
    private long _packed; // floats of the CPU device's workspaces
    private long _chunk;
    private long _unpacked;
    private long _logits;
    private long _states;

    public override long PackedLength(int inputs, int outputs, Precision storage = Precision.F32) =>
        Precision == Precision.Bf16
            ? BFloat16Packing.Length(inputs, outputs)
            : MatMul.MatMul.PackedLength(inputs, outputs) / (storage == Precision.Bf16 ? 2 : 1);

    public override long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, Precision);

    public override void LinearBackwardWeights(in LinearBackwardWeights operation) =>
        Work(ref _packed, PackedLength(operation.Rows, operation.Layout == WeightLayout.InputMajor ? operation.Outputs.Count : operation.Inputs));

    public override void LanguageHeadForward(in LanguageHeadForward operation)
    {
        States(operation.Rows);
        ChunkLogits(operation.Logits);
    }

    public override void LanguageHeadBackward(in LanguageHeadBackward operation)
    {
        var columns = Math.Min(LanguageHead.ChunkColumns, operation.Vocabulary);
        Work(ref _packed, operation.DWeights.IsEmpty ? 0 : PackedLength(operation.Rows, operation.Width));
        Work(ref _chunk, PackedLength(columns, operation.Width));
        Work(ref _unpacked, operation.Weights.IsEmpty ? (long)columns * operation.Width : 0);
        ChunkLogits(operation.Logits);
    }

    public override void LogProbabilities(in LogProbabilities operation) => States(operation.Rows);

    private void ChunkLogits(FloatBuffer kept)
    {
        if (kept.IsEmpty)
        {
            Work(ref _logits, (long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }
    }

    private void States(int rows) => Work(ref _states, (long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));
}
