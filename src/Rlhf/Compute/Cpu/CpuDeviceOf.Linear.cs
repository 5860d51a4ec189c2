using Rlhf.Compute.Cpu.Blocks;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>Linear layers.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public long PackedLength(int inputs, int outputs, WeightStorage storage = WeightStorage.F32) => _products.PackedLength(inputs, outputs, storage);

    public void PackWeights(in PackWeights operation)
    {
        operation.Check(this);
        var (inputs, outputs, packed) = (operation.Inputs, operation.Outputs, operation.Packed);
        var (rowStride, columnStride) = operation.Layout == WeightLayout.InputMajor ? ((long)outputs, 1L) : (1L, inputs);
        _products.Pack(inputs, outputs, operation.Weights.Pointer, rowStride, columnStride, packed.Numbers.Pointer, packed.Storage);
    }

    public void PackWeightsTransposed(in PackWeightsTransposed operation)
    {
        operation.Check(this);
        var (inputs, outputs) = (operation.Inputs, operation.Outputs);
        var (rowStride, columnStride) = operation.Layout == WeightLayout.InputMajor ? (1L, (long)outputs) : (inputs, 1L);
        _products.Pack(outputs, inputs, operation.Weights.Pointer, rowStride, columnStride, operation.Packed.Pointer);
    }

    public void PackBlocks(in PackBlocks operation)
    {
        operation.Check(this);
        BlockPacking.Rows(_pool, operation);
    }

    public void UnpackWeights(in UnpackWeights operation)
    {
        operation.Check(this);
        _products.Unpack(new PackedOperand(operation.Packed, operation.Inputs), operation.Outputs, operation.Layout, operation.Weights.Pointer);
    }

    public void RepackTransposed(in RepackTransposed operation)
    {
        operation.Check(this);
        _products.PackTransposed(new PackedOperand(operation.Packed, operation.Inputs), operation.Outputs, operation.Transposed.Pointer);
    }

    public void PackedEmbedding(in PackedEmbedding operation)
    {
        operation.Check(this);
        _products.Columns(new PackedOperand(operation.Packed, operation.Inputs), operation.Tokens.Pointer, operation.Rows, operation.Y.Pointer);
    }

    public void LinearForward(in LinearForward operation)
    {
        operation.Check(this);
        var (inputs, outputs, bias) = (operation.Inputs, operation.Outputs, operation.Bias);
        _products.Run(
            operation.Rows, outputs.Count, inputs, operation.X.Pointer, inputs, 1, new PackedOperand(operation.Packed, inputs, firstColumn: outputs.First),
            operation.Y.Pointer + outputs.First, outputs.All,
            operation.Accumulate ? MatMulStart.Accumulate : bias.IsEmpty ? MatMulStart.Zero : MatMulStart.Bias, bias.Pointer + outputs.First);
    }

    public void LinearBackwardInput(in LinearBackwardInput operation)
    {
        operation.Check(this);
        var (inputs, outputs) = (operation.Inputs, operation.Outputs);
        _products.Run(
            operation.Rows, inputs, outputs.Count, operation.Dy.Pointer + outputs.First, outputs.All, 1,
            new PackedOperand(operation.Packed.Pointer, outputs.All, firstRow: outputs.First),
            operation.Dx.Pointer, inputs, operation.Accumulate ? MatMulStart.Accumulate : MatMulStart.Zero, null);
    }

    public void LinearBackwardWeights(in LinearBackwardWeights operation)
    {
        operation.Check();
        var (x, dBias, rows, inputs, outputs) = (operation.X, operation.DBias, operation.Rows, operation.Inputs, operation.Outputs);
        var dy = operation.Dy.From(outputs.First);
        var (left, leftCount, leftStride, right, rightCount, rightStride, first) = operation.Layout == WeightLayout.InputMajor
            ? (x, inputs, inputs, dy, outputs.Count, outputs.All, outputs.First)
            : (dy, outputs.Count, outputs.All, x, inputs, inputs, (long)outputs.First * inputs);
        var packed = _packed.AtLeast(_products.PackedLength(rows, rightCount));
        if (operation.Layout == WeightLayout.InputMajor && !dBias.IsEmpty)
        {
            _products.PackAndSum(rows, rightCount, right.Pointer, rightStride, packed, dBias.Pointer + outputs.First);
        }
        else
        {
            _products.Pack(rows, rightCount, right.Pointer, rightStride, 1, packed);
        }

        _products.Run(leftCount, rightCount, rows, left.Pointer, 1, leftStride, new PackedOperand(packed, rows), operation.DWeights.Pointer + first,
            rightStride, MatMulStart.Accumulate, null);
        if (operation.Layout == WeightLayout.OutputMajor && !dBias.IsEmpty)
        {
            ColumnSums.Add<T>(_pool, dy.Pointer, rows, outputs.Count, outputs.All, dBias.Pointer + outputs.First);
        }
    }
}
