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
        var packedHidden = operation.DWeights.IsEmpty ? null : _packed.AtLeast(_products.PackedLength(rows, width));
        if (packedHidden != null)
        {
            _products.Pack(rows, width, hidden, width, 1, packedHidden);
        }

        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            var columns = Math.Min(LanguageHead.ChunkColumns, vocabulary - column);
            var packedChunk = _chunk.AtLeast(_products.PackedLength(columns, width));
            PackChunk(operation, column, columns, packedChunk);
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, vocabulary, operation.Logits.Pointer);
                ChunkLogits(
                    ref block, hidden + ((long)first * width), operation.Packed, width, operation.Bias, operation.Cap, recompute: operation.Logits.IsEmpty);
                LanguageHead.Differentiate<T>(_pool, block, operation.Cap);
                if (!operation.DBias.IsEmpty)
                {
                    ColumnSums.Add<T>(_pool, block.Logits, block.Rows, columns, (int)block.LogitStride, operation.DBias.Pointer + column);
                }

                _products.Run(
                    block.Rows, width, columns, block.Logits, block.LogitStride, 1, new PackedOperand(packedChunk, columns),
                    operation.DHidden.Pointer + ((long)first * width), width, column == 0 ? MatMulStart.Zero : MatMulStart.Accumulate, null);
                if (packedHidden != null)
                {
                    _products.Run(
                        columns, width, block.Rows, block.Logits, 1, block.LogitStride, new PackedOperand(packedHidden, rows, firstRow: first),
                        operation.DWeights.Pointer + ((long)column * width), width, MatMulStart.Accumulate, null);
                }
            }
        }
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

    /// <summary>Some rows of the head [V, C] as the operand that gradients of hidden rows are made with.</summary>
    private void PackChunk(in LanguageHeadBackward operation, int column, int columns, float* packed)
    {
        var width = operation.Width;
        if (!operation.Weights.IsEmpty)
        {
            _products.Pack(columns, width, operation.Weights.Pointer + ((long)column * width), width, 1, packed);
            return;
        }

        _products.PackTransposed(new PackedOperand(operation.Packed, width, firstColumn: column), columns, packed);
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
