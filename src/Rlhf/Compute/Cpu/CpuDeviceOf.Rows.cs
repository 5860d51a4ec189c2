using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Operations;
using static Rlhf.Compute.Cpu.BufferSizes;

namespace Rlhf.Compute.Cpu;

/// <summary>Operations that go row by row or number by number: norms, activations, rotary positions, embeddings, dropout, and the choice of rows.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public void LayerNormForward(FloatBuffer x, FloatBuffer gain, FloatBuffer bias, int rows, int width, float epsilon, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocalDeviation)
    {
        NeedMatrix(rows, width, x, y);
        NeedEach(width, gain, bias);
        NeedEach(rows, mean, reciprocalDeviation);
        LayerNorm.Forward<T>(_pool, new LayerNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            Bias = bias.Pointer,
            Y = y.Pointer,
            Mean = mean.Pointer,
            ReciprocalDeviation = reciprocalDeviation.Pointer,
            Rows = rows,
            Width = width,
            Epsilon = epsilon,
        });
    }

    public void LayerNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer mean, FloatBuffer reciprocalDeviation, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dGain, FloatBuffer dBias)
    {
        NeedMatrix(rows, width, x, dy, dx);
        NeedEach(width, gain, dGain, dBias);
        NeedEach(rows, mean, reciprocalDeviation);
        LayerNorm.Backward<T>(_pool, new LayerNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            Mean = mean.Pointer,
            ReciprocalDeviation = reciprocalDeviation.Pointer,
            Dy = dy.Pointer,
            Dx = dx.Pointer,
            DGain = dGain.Pointer,
            DBias = dBias.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void RmsNormForward(FloatBuffer x, FloatBuffer gain, int rows, int groups, int width, int rowStride, float epsilon, FloatBuffer y, FloatBuffer reciprocalRoot)
    {
        NeedStrided(rows, groups * width, rowStride, x, y);
        Need(gain, width);
        Need(reciprocalRoot, (long)rows * groups);
        RmsNorm.Forward<T>(_pool, new RmsNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            Y = y.Pointer,
            ReciprocalRoot = reciprocalRoot.Pointer,
            Rows = rows,
            Groups = groups,
            Width = width,
            RowStride = rowStride,
            Epsilon = epsilon,
        });
    }

    public void RmsNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer reciprocalRoot, FloatBuffer dy, int rows, int groups, int width, int rowStride, bool accumulate, FloatBuffer dx, FloatBuffer dGain)
    {
        NeedStrided(rows, groups * width, rowStride, x, dy, dx);
        NeedEach(width, gain, dGain);
        Need(reciprocalRoot, (long)rows * groups);
        RmsNorm.Backward<T>(_pool, new RmsNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            ReciprocalRoot = reciprocalRoot.Pointer,
            Dy = dy.Pointer,
            Dx = dx.Pointer,
            DGain = dGain.Pointer,
            Rows = rows,
            Groups = groups,
            Width = width,
            RowStride = rowStride,
            Accumulate = accumulate,
        });
    }

    public void GeluForward(FloatBuffer x, FloatBuffer y)
    {
        Need(y, x.Length);
        Gelu.Forward<T>(_pool, new Gelu.Arguments { X = x.Pointer, Y = y.Pointer, Length = x.Length });
    }

    public void GeluBackward(FloatBuffer x, FloatBuffer dy, FloatBuffer dx)
    {
        Need(dy, x.Length);
        Need(dx, x.Length);
        Gelu.Backward<T>(_pool, new Gelu.Arguments { X = x.Pointer, Dy = dy.Pointer, Dx = dx.Pointer, Length = x.Length });
    }

    public void SwiGluForward(FloatBuffer gateUp, int rows, int width, FloatBuffer y)
    {
        NeedMatrix(rows, 2 * width, gateUp);
        NeedMatrix(rows, width, y);
        SwiGlu.Forward<T>(_pool, new SwiGlu.Arguments { GateUp = gateUp.Pointer, Y = y.Pointer, Rows = rows, Width = width });
    }

    public void SwiGluBackward(FloatBuffer gateUp, FloatBuffer dy, int rows, int width, FloatBuffer dGateUp)
    {
        NeedMatrix(rows, 2 * width, gateUp, dGateUp);
        NeedMatrix(rows, width, dy);
        SwiGlu.Backward<T>(_pool, new SwiGlu.Arguments { GateUp = gateUp.Pointer, Dy = dy.Pointer, DGateUp = dGateUp.Pointer, Rows = rows, Width = width });
    }

    public void Rotate(FloatBuffer x, IntBuffer positions, FloatBuffer cosines, FloatBuffer sines, int rows, int heads, int headWidth, int rowStride, bool inverse)
    {
        NeedStrided(rows, heads * headWidth, rowStride, x);
        ArgumentOutOfRangeException.ThrowIfLessThan(positions.Length, rows);
        Rotary.Rotate(_pool, new Rotary.Arguments
        {
            X = x.Pointer,
            Positions = positions.Pointer,
            Cosines = cosines.Pointer,
            Sines = sines.Pointer,
            Rows = rows,
            Heads = heads,
            HeadWidth = headWidth,
            RowStride = rowStride,
            Inverse = inverse,
        });
    }

    public void EmbeddingForward(IntBuffer tokens, IntBuffer positions, FloatBuffer tokenTable, FloatBuffer positionTable, int rows, int width, FloatBuffer y)
    {
        NeedMatrix(rows, width, y);
        Embedding.Forward<T>(_pool, new Embedding.Arguments
        {
            Tokens = tokens.Pointer,
            Positions = positions.Pointer,
            TokenTable = tokenTable.Pointer,
            PositionTable = positionTable.Pointer,
            Y = y.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void EmbeddingBackward(IntBuffer tokens, IntBuffer positions, FloatBuffer dy, int rows, int width, FloatBuffer dTokenTable, FloatBuffer dPositionTable)
    {
        NeedMatrix(rows, width, dy);
        Embedding.Backward<T>(_pool, new Embedding.Arguments
        {
            Tokens = tokens.Pointer,
            Positions = positions.Pointer,
            TokenTable = dTokenTable.Pointer,
            PositionTable = dPositionTable.Pointer,
            Y = dy.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void AddUniformNoise(FloatBuffer x, FloatBuffer rowScales, int rows, int width, Dropout counter)
    {
        NeedMatrix(rows, width, x);
        Need(rowScales, rows);
        Dropping.AddUniformNoise(_pool, new Dropping.Arguments { X = x.Pointer, RowScales = rowScales.Pointer, Rows = rows, Width = width, Dropout = counter });
    }

    public void AddDropped(FloatBuffer x, FloatBuffer y, int rows, int width, Dropout dropout, IntBuffer rowNumbers, FloatBuffer output)
    {
        NeedMatrix(rows, width, y, output);
        NeedOrEmpty(x, (long)rows * width);
        ArgumentOutOfRangeException.ThrowIfLessThan(rowNumbers.Length == 0 ? rows : rowNumbers.Length, rows, nameof(rowNumbers));
        if (dropout.IsActive)
        {
            Dropping.AddDropped(_pool, new Dropping.Arguments { X = x.Pointer, Y = y.Pointer, Output = output.Pointer, Rows = rows, Width = width, Dropout = dropout, RowNumbers = rowNumbers.Pointer });
        }
        else
        {
            Flat.Add<T>(_pool, x.Pointer, y.Pointer, (long)rows * width, output.Pointer);
        }
    }

    public void GatherRows(FloatBuffer x, IntBuffer rowNumbers, int count, int width, FloatBuffer y)
    {
        NeedMatrix(count, width, y);
        Kernels.Rows.Gather(_pool, new Kernels.Rows.Arguments { X = x.Pointer, Y = y.Pointer, Numbers = rowNumbers.Pointer, Count = count, Width = width });
    }

    public void ScatterAddRows(FloatBuffer dy, IntBuffer rowNumbers, int count, int width, FloatBuffer dx)
    {
        NeedMatrix(count, width, dy);
        Kernels.Rows.ScatterAdd(_pool, new Kernels.Rows.Arguments { X = dx.Pointer, Y = dy.Pointer, Numbers = rowNumbers.Pointer, Count = count, Width = width });
    }
}
