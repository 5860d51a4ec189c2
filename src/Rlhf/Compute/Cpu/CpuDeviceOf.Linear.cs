using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Operations;
using static Rlhf.Compute.Cpu.BufferSizes;

namespace Rlhf.Compute.Cpu;

/// <summary>Linear layers.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public long PackedLength(int inputs, int outputs, Precision storage = Precision.F32) => _products.PackedLength(inputs, outputs, storage);

    public void PackWeights(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, PackedMatrix packed)
    {
        Need(weights, (long)inputs * outputs);
        NeedPacked(packed, inputs, outputs);
        var (rowStride, columnStride) = layout == WeightLayout.InputMajor ? ((long)outputs, 1L) : (1L, inputs);
        _products.Pack(inputs, outputs, weights.Pointer, rowStride, columnStride, packed.Numbers.Pointer, packed.Storage);
    }

    public void PackWeightsTransposed(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, FloatBuffer packed)
    {
        Need(weights, (long)inputs * outputs);
        Need(packed, PackedLength(outputs, inputs));
        var (rowStride, columnStride) = layout == WeightLayout.InputMajor ? (1L, (long)outputs) : (inputs, 1L);
        _products.Pack(outputs, inputs, weights.Pointer, rowStride, columnStride, packed.Pointer);
    }

    public void LinearForward(FloatBuffer x, PackedMatrix packed, FloatBuffer bias, int rows, int inputs, Outputs outputs, FloatBuffer y)
    {
        Need(outputs);
        Need(x, (long)rows * inputs);
        NeedPacked(packed, inputs, outputs.All);
        Need(y, (long)rows * outputs.All);
        NeedOrEmpty(bias, outputs.All);
        _products.Run(
            rows, outputs.Count, inputs, x.Pointer, inputs, 1, new PackedOperand(packed, inputs, firstColumn: outputs.First), y.Pointer + outputs.First, outputs.All,
            bias.IsEmpty ? MatMulStart.Zero : MatMulStart.Bias, bias.Pointer + outputs.First);
    }

    public void LinearBackwardInput(FloatBuffer dy, FloatBuffer packedTransposed, int rows, int inputs, Outputs outputs, bool accumulate, FloatBuffer dx)
    {
        Need(outputs);
        Need(dy, (long)rows * outputs.All);
        Need(packedTransposed, PackedLength(outputs.All, inputs));
        Need(dx, (long)rows * inputs);
        _products.Run(
            rows, inputs, outputs.Count, dy.Pointer + outputs.First, outputs.All, 1, new PackedOperand(packedTransposed.Pointer, outputs.All, firstRow: outputs.First), dx.Pointer, inputs,
            accumulate ? MatMulStart.Accumulate : MatMulStart.Zero, null);
    }

    public void LinearBackwardWeights(FloatBuffer x, FloatBuffer dy, int rows, int inputs, Outputs outputs, WeightLayout layout, FloatBuffer dWeights, FloatBuffer dBias)
    {
        Need(outputs);
        Need(x, (long)rows * inputs);
        Need(dy, (long)rows * outputs.All);
        Need(dWeights, (long)inputs * outputs.All);
        NeedOrEmpty(dBias, outputs.All);
        var slopes = dy.From(outputs.First);
        var (left, leftCount, leftStride, right, rightCount, rightStride, first) = layout == WeightLayout.InputMajor
            ? (x, inputs, inputs, slopes, outputs.Count, outputs.All, outputs.First)
            : (slopes, outputs.Count, outputs.All, x, inputs, inputs, (long)outputs.First * inputs);
        var packed = _packed.AtLeast(_products.PackedLength(rows, rightCount));
        if (layout == WeightLayout.InputMajor && !dBias.IsEmpty)
        {
            _products.PackAndSum(rows, rightCount, right.Pointer, rightStride, packed, dBias.Pointer + outputs.First);
        }
        else
        {
            _products.Pack(rows, rightCount, right.Pointer, rightStride, 1, packed);
        }

        _products.Run(leftCount, rightCount, rows, left.Pointer, 1, leftStride, new PackedOperand(packed, rows), dWeights.Pointer + first, rightStride, MatMulStart.Accumulate, null);
        if (layout == WeightLayout.OutputMajor && !dBias.IsEmpty)
        {
            ColumnSums.Add<T>(_pool, slopes.Pointer, rows, outputs.Count, outputs.All, dBias.Pointer + outputs.First);
        }
    }

    private void NeedPacked(PackedMatrix packed, int inputs, int outputs) => Need(packed.Numbers, PackedLength(inputs, outputs, packed.Storage));
}
