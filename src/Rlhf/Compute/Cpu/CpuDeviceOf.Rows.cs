using Rlhf.Compute.Cpu.Kernels;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>Operations that go row by row or number by number: norms, activations, rotary positions, embeddings, dropout, and the choice of rows.</summary>
internal sealed unsafe partial class CpuDevice<T, TTile>
{
    public void LayerNormForward(in LayerNormForward operation)
    {
        operation.Check();
        LayerNorm.Forward<T>(_pool, operation);
    }

    public void LayerNormBackward(in LayerNormBackward operation)
    {
        operation.Check();
        LayerNorm.Backward<T>(_pool, operation);
    }

    public void RmsNormForward(in RmsNormForward operation)
    {
        operation.Check();
        RmsNorm.Forward<T>(_pool, operation);
    }

    public void RmsNormBackward(in RmsNormBackward operation)
    {
        operation.Check();
        RmsNorm.Backward<T>(_pool, operation);
    }

    public void GeluForward(in GeluForward operation)
    {
        operation.Check();
        Gelu.Forward<T>(_pool, operation);
    }

    public void GeluBackward(in GeluBackward operation)
    {
        operation.Check();
        Gelu.Backward<T>(_pool, operation);
    }

    public void ReluForward(in ReluForward operation)
    {
        operation.Check();
        Relu.Forward<T>(_pool, operation);
    }

    public void ReluBackward(in ReluBackward operation)
    {
        operation.Check();
        Relu.Backward<T>(_pool, operation);
    }

    public void GeGluForward(in GeGluForward operation)
    {
        operation.Check();
        GeGlu.Forward<T>(_pool, operation);
    }

    public void GeGluBackward(in GeGluBackward operation)
    {
        operation.Check();
        GeGlu.Backward<T>(_pool, operation);
    }

    public void SwiGluForward(in SwiGluForward operation)
    {
        operation.Check();
        SwiGlu.Forward<T>(_pool, operation);
    }

    public void SwiGluBackward(in SwiGluBackward operation)
    {
        operation.Check();
        SwiGlu.Backward<T>(_pool, operation);
    }

    public void Rotate(in Rotate operation)
    {
        operation.Check();
        Rotary.Run(_pool, operation);
    }

    public void EmbeddingForward(in EmbeddingForward operation)
    {
        operation.Check();
        Embedding.Forward<T>(_pool, operation);
    }

    public void EmbeddingBackward(in EmbeddingBackward operation)
    {
        operation.Check();
        Embedding.Backward<T>(_pool, operation);
    }

    public void AddUniformNoise(in AddUniformNoise operation)
    {
        operation.Check();
        Dropping.AddUniformNoise(_pool, operation);
    }

    public void AddDropped(in AddDropped operation)
    {
        operation.Check();
        if (operation.Dropout.IsActive)
        {
            Dropping.AddDropped(_pool, operation);
        }
        else
        {
            Flat.Add<T>(_pool, operation.X.Pointer, operation.Y.Pointer, (long)operation.Rows * operation.Width, operation.Output.Pointer);
        }
    }

    public void GatherRows(in GatherRows operation)
    {
        operation.Check();
        Kernels.Rows.Gather(_pool, operation);
    }

    public void ScatterAddRows(in ScatterAddRows operation)
    {
        operation.Check();
        Kernels.Rows.ScatterAdd(_pool, operation);
    }
}
