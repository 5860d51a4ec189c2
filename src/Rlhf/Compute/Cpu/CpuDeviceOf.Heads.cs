using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>The heads: log-probabilities of a vocabulary that is walked through in chunks, and scores.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public void LanguageHeadForward(in LanguageHeadForward operation)
    {
        operation.Check(this);
        var (rows, width) = (operation.Rows, operation.Width);
        var whole = new LanguageHead.Arguments
        {
            Targets = operation.Targets.Pointer,
            Rows = rows,
            InverseTemperature = operation.InverseTemperature,
            States = States(rows),
            LogProbabilities = operation.LogProbabilities.Pointer,
            Entropies = operation.Entropies.Pointer,
            LogSumExp = operation.LogSumExp.Pointer,
        };
        LanguageHead.Begin(whole.States, rows);
        for (var column = 0; column < operation.Vocabulary; column += LanguageHead.ChunkColumns)
        {
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, operation.Vocabulary, operation.Logits.Pointer);
                ChunkLogits(
                    ref block, operation.Hidden.Pointer + ((long)first * width), operation.Packed, width, operation.Bias, operation.Cap, recompute: true);
                LanguageHead.Fold<T>(_pool, block);
            }
        }

        LanguageHead.Finish(whole);
    }

    public void LanguageHeadBackward(in LanguageHeadBackward operation)
    {
        operation.Check(this);
        var (rows, width, vocabulary) = (operation.Rows, operation.Width, operation.Vocabulary);
        var hidden = operation.Hidden.Pointer;
        var whole = new LanguageHead.Arguments
        {
            Targets = operation.Targets.Pointer,
            Rows = rows,
            InverseTemperature = operation.InverseTemperature,
            LogSumExp = operation.LogSumExp.Pointer,
            DLogProbabilities = operation.DLogProbabilities.Pointer,
            DEntropies = operation.DEntropies.Pointer,
            Entropies = operation.Entropies.Pointer,
        };
        var head = new LogitsBackward(
            operation.Hidden, operation.Packed, operation.Weights, default, rows, width, vocabulary, operation.DHidden, operation.DWeights, operation.DBias);
        var packedHidden = PackHidden(head);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            var packedChunk = PackChunk(head, column);
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, vocabulary, operation.Logits.Pointer);
                ChunkLogits(
                    ref block, hidden + ((long)first * width), operation.Packed, width, operation.Bias, operation.Cap, recompute: operation.Logits.IsEmpty);
                LanguageHead.Differentiate<T>(_pool, block, operation.Cap);
                AddGradients(head, packedHidden, packedChunk, (first, block.Rows), column, block.Logits, block.LogitStride);
            }
        }
    }

    public void LogitsBackward(in LogitsBackward operation)
    {
        operation.Check(this);
        var (rows, vocabulary) = (operation.Rows, operation.Vocabulary);
        var packedHidden = PackHidden(operation);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            var packedChunk = PackChunk(operation, column);
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                AddGradients(
                    operation, packedHidden, packedChunk, (first, Math.Min(LanguageHead.BlockRows, rows - first)), column,
                    operation.DLogits.Pointer + ((long)first * vocabulary) + column, vocabulary);
            }
        }
    }

    public void Divergence(in Operations.Divergence operation)
    {
        operation.Check();
        Kernels.Divergence.Run<T>(_pool, operation);
    }

    public void LogProbabilities(in LogProbabilities operation)
    {
        operation.Check();
        var block = new LanguageHead.Arguments
        {
            LogitStride = operation.Vocabulary,
            Targets = operation.Targets.Pointer,
            Rows = operation.Rows,
            InverseTemperature = operation.InverseTemperature,
            States = States(operation.Rows),
            LogProbabilities = operation.Output.Pointer,
            LogSumExp = operation.LogSumExp.Pointer,
        };
        LanguageHead.Begin(block.States, operation.Rows);
        for (var column = 0; column < operation.Vocabulary; column += LanguageHead.ChunkColumns)
        {
            block.Logits = operation.Logits.Pointer + column;
            block.FirstColumn = column;
            block.Columns = Math.Min(LanguageHead.ChunkColumns, operation.Vocabulary - column);
            LanguageHead.Fold<T>(_pool, block);
        }

        LanguageHead.Finish(block);
    }

    public void ScalarHeadForward(in ScalarHeadForward operation)
    {
        operation.Check();
        ScalarHead.Forward<T>(_pool, operation);
    }

    public void ScalarHeadBackward(in ScalarHeadBackward operation)
    {
        operation.Check();
        ScalarHead.Backward<T>(_pool, operation);
    }

    /// <summary>Hidden rows as the operand that gradients of the head are made with; null where there are none.</summary>
    private float* PackHidden(in LogitsBackward operation)
    {
        if (operation.DWeights.IsEmpty)
        {
            return null;
        }

        var packed = _packed.AtLeast(_products.PackedLength(operation.Rows, operation.Width));
        _products.Pack(operation.Rows, operation.Width, operation.Hidden.Pointer, operation.Width, 1, packed);
        return packed;
    }

    /// <summary>A chunk of the head's rows [V, C] as the operand that gradients of hidden rows are made with.</summary>
    private float* PackChunk(in LogitsBackward operation, int column)
    {
        var (width, columns) = (operation.Width, Math.Min(LanguageHead.ChunkColumns, operation.Vocabulary - column));
        var packed = _chunk.AtLeast(_products.PackedLength(columns, width));
        if (operation.Weights.IsEmpty)
        {
            _products.PackTransposed(new PackedOperand(operation.Packed, width, firstColumn: column), columns, packed);
        }
        else
        {
            _products.Pack(columns, width, operation.Weights.Pointer + ((long)column * width), width, 1, packed);
        }

        return packed;
    }

    /// <summary>What some rows' gradients with respect to a chunk of logits give.</summary>
    private void AddGradients(
        in LogitsBackward operation, float* packedHidden, float* packedChunk, (int First, int Count) rows, int column, float* dLogits, long stride)
    {
        var (width, columns) = (operation.Width, Math.Min(LanguageHead.ChunkColumns, operation.Vocabulary - column));
        if (!operation.DBias.IsEmpty)
        {
            ColumnSums.Add<T>(_pool, dLogits, rows.Count, columns, (int)stride, operation.DBias.Pointer + column);
        }

        _products.Run(
            rows.Count, width, columns, dLogits, stride, 1, new PackedOperand(packedChunk, columns),
            operation.DHidden.Pointer + ((long)rows.First * width), width, column == 0 ? MatMulStart.Zero : MatMulStart.Accumulate, null);
        if (packedHidden != null)
        {
            _products.Run(
                columns, width, rows.Count, dLogits, 1, stride, new PackedOperand(packedHidden, operation.Rows, firstRow: rows.First),
                operation.DWeights.Pointer + ((long)column * width), width, MatMulStart.Accumulate, null);
        }
    }

    private LanguageHead.RowState* States(int rows) => (LanguageHead.RowState*)_states.AtLeast((long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));

    /// <summary>The block's logits: those that stand there, or computed (into the kept ones if there are any).</summary>
    private void ChunkLogits(
        ref LanguageHead.Arguments block, float* hidden, PackedMatrix packed, int width, FloatBuffer bias, float cap, bool recompute)
    {
        if (block.Logits == null)
        {
            block.Logits = _logits.AtLeast((long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }

        if (recompute)
        {
            _products.Run(
                block.Rows, block.Columns, width, hidden, width, 1, new PackedOperand(packed, width, firstColumn: block.FirstColumn), block.Logits,
                block.LogitStride, bias.IsEmpty ? MatMulStart.Zero : MatMulStart.Bias, bias.Pointer + block.FirstColumn);
            if (cap > 0)
            {
                Flat.SoftCap<T>(_pool, new FloatBuffer(block.Logits, block.Rows * block.LogitStride), cap);
            }
        }
    }
}
