using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Operations;
using static Rlhf.Compute.Cpu.BufferSizes;

namespace Rlhf.Compute.Cpu;

/// <summary>Attention and its key-value memory.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, Precision);

    public void AttentionForward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer keyValues, FloatBuffer output, FloatBuffer logSumExp)
    {
        var rows = Rows(sequences);
        NeedMatrix(rows, shape.RowWidth, qkv);
        NeedMatrix(rows, shape.OutputWidth, output);
        NeedOrEmpty(logSumExp, (long)rows * shape.Heads);
        NeedSpans(sequences);
        foreach (var sequence in sequences)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(sequence.Past + sequence.Rows - sequence.FirstStored, sequence.Capacity);
            Need(keyValues, sequence.Store + KeyValueLength(shape, sequence.Capacity));
        }

        fixed (SequenceSpan* spans = sequences)
        {
            var arguments = new Attention.Arguments
            {
                Qkv = qkv.Pointer,
                KeyValues = keyValues.Pointer,
                Output = output.Pointer,
                LogSumExp = logSumExp.Pointer,
                Sequences = spans,
                Count = sequences.Length,
                Shape = shape,
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

    public void AttentionBackward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer output, FloatBuffer logSumExp, FloatBuffer dOutput, FloatBuffer dQkv)
    {
        var rows = Rows(sequences);
        NeedMatrix(rows, shape.RowWidth, qkv, dQkv);
        NeedMatrix(rows, shape.OutputWidth, output, dOutput);
        Need(logSumExp, (long)rows * shape.Heads);
        NeedSpans(sequences);
        foreach (var sequence in sequences)
        {
            if (sequence.Past > 0 && sequence.Prefix < 0)
            {
                throw new ArgumentException("A sequence whose earlier positions are in a cache has no backward pass.");
            }
        }

        fixed (SequenceSpan* spans = sequences)
        {
            AttentionGradient.Run<T>(
                _pool,
                new Attention.Arguments
                {
                    Qkv = qkv.Pointer,
                    Output = output.Pointer,
                    LogSumExp = logSumExp.Pointer,
                    DOutput = dOutput.Pointer,
                    DQkv = dQkv.Pointer,
                    Sequences = spans,
                    Count = sequences.Length,
                    Shape = shape,
                });
        }
    }

    public void CopyKeyValues(FloatBuffer source, FloatBuffer destination, AttentionShape shape, int capacity, int positions)
    {
        NeedEach(KeyValueLength(shape, capacity), source, destination);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(positions, capacity);
        if (Precision == Precision.Bf16)
        {
            Attention.CopyKeyValues<ushort>(source.Pointer, destination.Pointer, shape, capacity, positions);
        }
        else
        {
            Attention.CopyKeyValues<float>(source.Pointer, destination.Pointer, shape, capacity, positions);
        }
    }

    private static int Rows(ReadOnlySpan<SequenceSpan> sequences)
    {
        var rows = 0;
        foreach (var sequence in sequences)
        {
            rows = Math.Max(rows, sequence.FirstRow + sequence.Rows);
        }

        return rows;
    }

    /// <summary>Queries begin inside of a span or at its end. A branch stands behind its prompt or behind another branch of it, and goes on from the prompt's last row.</summary>
    private static void NeedSpans(ReadOnlySpan<SequenceSpan> sequences)
    {
        for (var i = 0; i < sequences.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)sequences[i].FirstQuery, (uint)sequences[i].Rows);
            var prefix = sequences[i].Prefix;
            if (prefix >= 0 && (i == 0 || (prefix != i - 1 && prefix != sequences[i - 1].Prefix) || sequences[prefix] is not { Prefix: < 0, Past: 0 } || sequences[prefix].Rows != sequences[i].Past))
            {
                throw new ArgumentException($"Span {i} is no branch of span {prefix}.");
            }
        }
    }
}
