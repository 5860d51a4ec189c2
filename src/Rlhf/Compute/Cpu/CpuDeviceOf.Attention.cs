using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>Attention and its key-value memory.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, Precision);

    public void AttentionForward(in AttentionForward operation)
    {
        operation.Check(this);
        fixed (SequenceSpan* spans = operation.Sequences)
        {
            var arguments = new Attention.Arguments
            {
                Qkv = operation.Qkv.Pointer,
                KeyValues = operation.KeyValues.Pointer,
                Output = operation.Output.Pointer,
                LogSumExp = operation.LogSumExp.Pointer,
                Sequences = spans,
                Count = operation.Sequences.Length,
                Shape = operation.Shape,
                Rules = new ScoreRules(operation.Rules, operation.Shape),
            };
            if (Precision == Precision.Bf16)
            {
                Attention.Forward<T, ushort>(_pool, arguments);
            }
            else
            {
                Attention.Forward<T, float>(_pool, arguments);
            }
        }
    }

    public void AttentionBackward(in AttentionBackward operation)
    {
        operation.Check();
        fixed (SequenceSpan* spans = operation.Sequences)
        {
            AttentionGradient.Run<T>(
                _pool,
                new Attention.Arguments
                {
                    Qkv = operation.Qkv.Pointer,
                    Output = operation.Output.Pointer,
                    LogSumExp = operation.LogSumExp.Pointer,
                    DOutput = operation.DOutput.Pointer,
                    DQkv = operation.DQkv.Pointer,
                    Sequences = spans,
                    Count = operation.Sequences.Length,
                    Shape = operation.Shape,
                    Rules = new ScoreRules(operation.Rules, operation.Shape),
                });
        }
    }

    public void CopyKeyValues(in CopyKeyValues operation)
    {
        operation.Check(this);
        if (Precision == Precision.Bf16)
        {
            Attention.CopyKeyValues<ushort>(operation);
        }
        else
        {
            Attention.CopyKeyValues<float>(operation);
        }
    }
}
