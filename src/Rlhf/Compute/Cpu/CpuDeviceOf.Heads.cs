using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Operations;
using static Rlhf.Compute.Cpu.BufferSizes;

namespace Rlhf.Compute.Cpu;

/// <summary>The heads: log-probabilities of a vocabulary that is walked through in chunks, and scores.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public void LanguageHeadForward(
        FloatBuffer hidden, PackedMatrix packed, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities, FloatBuffer entropies, FloatBuffer logSumExp,
        FloatBuffer logits)
    {
        NeedMatrix(rows, width, hidden);
        NeedEach(rows, logProbabilities, entropies, logSumExp);
        ArgumentOutOfRangeException.ThrowIfLessThan(targets.Length, rows);
        NeedPacked(packed, width, vocabulary);
        NeedOrEmpty(logits, (long)rows * vocabulary);
        var whole = new LanguageHead.Arguments
        {
            Targets = targets.Pointer,
            Rows = rows,
            InverseTemperature = inverseTemperature,
            States = States(rows),
            LogProbabilities = logProbabilities.Pointer,
            Entropies = entropies.Pointer,
            LogSumExp = logSumExp.Pointer,
        };
        LanguageHead.Begin(whole.States, rows);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, vocabulary, logits.Pointer);
                ChunkLogits(ref block, hidden.Pointer + ((long)first * width), packed, width, recompute: true);
                LanguageHead.Fold<T>(_pool, block);
            }
        }

        LanguageHead.Finish(whole);
    }

    public void LanguageHeadBackward(
        FloatBuffer hidden, PackedMatrix packed, FloatBuffer weights, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature,
        FloatBuffer entropies, FloatBuffer logSumExp, FloatBuffer logits, FloatBuffer dLogProbabilities, FloatBuffer dEntropies, FloatBuffer dHidden, FloatBuffer dWeights)
    {
        NeedMatrix(rows, width, hidden, dHidden);
        NeedEach(rows, logSumExp, dLogProbabilities);
        ArgumentOutOfRangeException.ThrowIfLessThan(targets.Length, rows);
        NeedOrEmpty(dEntropies, rows);
        NeedEach(dEntropies.IsEmpty ? 0 : rows, entropies);
        NeedPacked(packed, width, vocabulary);
        Need(weights, (long)vocabulary * width);
        NeedOrEmpty(logits, (long)rows * vocabulary);
        NeedOrEmpty(dWeights, (long)vocabulary * width);
        var whole = new LanguageHead.Arguments
        {
            Targets = targets.Pointer,
            Rows = rows,
            InverseTemperature = inverseTemperature,
            LogSumExp = logSumExp.Pointer,
            DLogProbabilities = dLogProbabilities.Pointer,
            DEntropies = dEntropies.Pointer,
            Entropies = entropies.Pointer,
        };
        var packedHidden = _packed.AtLeast(_products.PackedLength(rows, width));
        _products.Pack(rows, width, hidden.Pointer, width, 1, packedHidden);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            var columns = Math.Min(LanguageHead.ChunkColumns, vocabulary - column);
            var packedChunk = _chunk.AtLeast(_products.PackedLength(columns, width));
            _products.Pack(columns, width, weights.Pointer + ((long)column * width), width, 1, packedChunk);
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, vocabulary, logits.Pointer);
                ChunkLogits(ref block, hidden.Pointer + ((long)first * width), packed, width, recompute: logits.IsEmpty);
                LanguageHead.Differentiate<T>(_pool, block);
                _products.Run(
                    block.Rows, width, columns, block.Logits, block.LogitStride, 1, new PackedOperand(packedChunk, columns),
                    dHidden.Pointer + ((long)first * width), width, column == 0 ? MatMulStart.Zero : MatMulStart.Accumulate, null);
                if (!dWeights.IsEmpty)
                {
                    _products.Run(
                        columns, width, block.Rows, block.Logits, 1, block.LogitStride, new PackedOperand(packedHidden, rows, firstRow: first),
                        dWeights.Pointer + ((long)column * width), width, MatMulStart.Accumulate, null);
                }
            }
        }
    }

    public void LogProbabilities(FloatBuffer logits, IntBuffer targets, int rows, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities)
    {
        NeedMatrix(rows, vocabulary, logits);
        Need(logProbabilities, rows);
        var block = new LanguageHead.Arguments
        {
            LogitStride = vocabulary,
            Targets = targets.Pointer,
            Rows = rows,
            InverseTemperature = inverseTemperature,
            States = States(rows),
            LogProbabilities = logProbabilities.Pointer,
        };
        LanguageHead.Begin(block.States, rows);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            block.Logits = logits.Pointer + column;
            block.FirstColumn = column;
            block.Columns = Math.Min(LanguageHead.ChunkColumns, vocabulary - column);
            LanguageHead.Fold<T>(_pool, block);
        }

        LanguageHead.Finish(block);
    }

    public void ScalarHeadForward(FloatBuffer x, FloatBuffer weights, FloatBuffer bias, int rows, int width, FloatBuffer y)
    {
        NeedMatrix(rows, width, x);
        Need(weights, width);
        Need(bias, 1);
        Need(y, rows);
        ScalarHead.Forward<T>(_pool, new ScalarHead.Arguments { X = x.Pointer, Weights = weights.Pointer, Bias = bias.Pointer, Y = y.Pointer, Rows = rows, Width = width });
    }

    public void ScalarHeadBackward(FloatBuffer x, FloatBuffer weights, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dWeights, FloatBuffer dBias)
    {
        NeedMatrix(rows, width, x, dx);
        NeedEach(width, weights, dWeights);
        Need(dy, rows);
        Need(dBias, 1);
        ScalarHead.Backward<T>(_pool, new ScalarHead.Arguments
        {
            X = x.Pointer,
            Weights = weights.Pointer,
            Y = dy.Pointer,
            Dx = dx.Pointer,
            DWeights = dWeights.Pointer,
            DBias = dBias.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    private LanguageHead.RowState* States(int rows) => (LanguageHead.RowState*)_states.AtLeast((long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));

    /// <summary>The block's logits: those that stand there, or computed (into the kept ones if there are any).</summary>
    private void ChunkLogits(ref LanguageHead.Arguments block, float* hidden, PackedMatrix packed, int width, bool recompute)
    {
        if (block.Logits == null)
        {
            block.Logits = _logits.AtLeast((long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }

        if (recompute)
        {
            _products.Run(
                block.Rows, block.Columns, width, hidden, width, 1, new PackedOperand(packed, width, firstColumn: block.FirstColumn), block.Logits, block.LogitStride, MatMulStart.Zero, null);
        }
    }
}
