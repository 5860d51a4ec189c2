using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.OneDnn;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>The memory that the CPU device takes.</summary>
internal sealed unsafe class CpuCountingDevice(Precision precision) : CountingDevice(precision)
{
    private long _packed; // floats of the CPU device's workspaces
    private long _chunk;
    private long _flat; // of products in bfloat16
    private long _rounded;
    private long _logits;
    private long _states;

    public override long PackedLength(int inputs, int outputs, WeightStorage storage = WeightStorage.F32) =>
        Precision == Precision.Bf16 && !WeightBlocks.AreIn(storage)
            ? BFloat16Packing.Length(inputs, outputs)
            : MatMul.StoredPanels.Length(storage, inputs, outputs);

    public override long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, Precision);

    public override void RepackTransposed(in RepackTransposed operation) =>
        Work(ref _flat, Precision == Precision.Bf16 ? (long)operation.Inputs * operation.Outputs : 0);

    public override void LinearForward(in LinearForward operation) => Rounded(operation.Packed.Storage, operation.Inputs, operation.Outputs.Count);

    public override void LinearBackwardWeights(in LinearBackwardWeights operation) =>
        Work(ref _packed, PackedLength(operation.Rows, operation.Layout == WeightLayout.InputMajor ? operation.Outputs.Count : operation.Inputs));

    public override void LanguageHeadForward(in LanguageHeadForward operation)
    {
        States(operation.Rows);
        ChunkLogits(operation.Logits);
        Rounded(operation.Packed.Storage, operation.Width, Math.Min(LanguageHead.ChunkColumns, operation.Vocabulary));
    }

    public override void LanguageHeadBackward(in LanguageHeadBackward operation)
    {
        HeadGradients(operation.Rows, operation.Width, operation.Vocabulary, operation.Weights, operation.DWeights);
        ChunkLogits(operation.Logits);
    }

    public override void LogitsBackward(in LogitsBackward operation) =>
        HeadGradients(operation.Rows, operation.Width, operation.Vocabulary, operation.Weights, operation.DWeights);

    private void HeadGradients(int rows, int width, int vocabulary, FloatBuffer weights, FloatBuffer dWeights)
    {
        var columns = Math.Min(LanguageHead.ChunkColumns, vocabulary);
        Work(ref _packed, dWeights.IsEmpty ? 0 : PackedLength(rows, width));
        Work(ref _chunk, PackedLength(columns, width));
        Work(ref _flat, weights.IsEmpty && Precision == Precision.Bf16 ? (long)columns * width : 0);
    }

    public override void LogProbabilities(in LogProbabilities operation) => States(operation.Rows);

    private void ChunkLogits(FloatBuffer kept)
    {
        if (kept.IsEmpty)
        {
            Work(ref _logits, (long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }
    }

    /// <summary>What products in bfloat16 make of an operand in blocks.</summary>
    private void Rounded(WeightStorage storage, int inputs, int outputs)
    {
        if (Precision == Precision.Bf16 && WeightBlocks.AreIn(storage))
        {
            var columns = Math.Min(outputs, BFloat16Products<LanesScalar>.RoundedColumns);
            Work(ref _flat, (long)inputs * columns);
            Work(ref _rounded, BFloat16Packing.Length(inputs, columns));
        }
    }

    private void States(int rows) => Work(ref _states, (long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));
}
