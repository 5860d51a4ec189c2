using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>How a linear layer's weights stand in memory.</summary>
public enum WeightLayout
{
    /// <summary>[inputs, outputs], as GPT-2's Conv1D.</summary>
    InputMajor,

    /// <summary>[outputs, inputs], as PyTorch's Linear.</summary>
    OutputMajor,
}

/// <summary>
/// The outputs of a linear layer that an operation is about: <paramref name="Count"/> columns from <paramref name="First"/> on, of the <paramref name="All"/>
/// in a row of y. Others are
/// neither read nor written. Both ends are multiples of <see cref="Step"/>, or the layer's ends.
/// </summary>
public readonly record struct Outputs(int All, int First, int Count)
{
    /// <summary>Columns are packed by so many.</summary>
    public const int Step = 64;

    /// <summary>All of them.</summary>
    public static implicit operator Outputs(int all) => new(all, 0, all);

    internal void Check()
    {
        var end = (long)First + Count;
        if (First < 0 || Count < 0 || end > All || First % Step != 0 || (end < All && end % Step != 0))
        {
            throw new ArgumentException($"{this} is no range of whole steps of {Step} columns.");
        }
    }
}

/// <summary>Packs weights for <see cref="LinearForward"/>.</summary>
/// <param name="Weights">W, in its layout.</param>
/// <param name="Layout">How W stands.</param>
/// <param name="Inputs">Rows of W.</param>
/// <param name="Outputs">Columns of W.</param>
/// <param name="Packed"><see cref="IDevice.PackedLength"/>(inputs, outputs) floats.</param>
public readonly record struct PackWeights(FloatBuffer Weights, WeightLayout Layout, int Inputs, int Outputs, PackedMatrix Packed)
{
    internal void Check(IDevice device)
    {
        Need(Weights, (long)Inputs * Outputs);
        NeedPacked(device, Packed, Inputs, Outputs);
    }
}

/// <summary>Packs weights for <see cref="LinearBackwardInput"/>.</summary>
/// <param name="Weights">W, in its layout.</param>
/// <param name="Layout">How W stands.</param>
/// <param name="Inputs">Rows of W.</param>
/// <param name="Outputs">Columns of W.</param>
/// <param name="Packed"><see cref="IDevice.PackedLength"/>(outputs, inputs) floats.</param>
public readonly record struct PackWeightsTransposed(FloatBuffer Weights, WeightLayout Layout, int Inputs, int Outputs, FloatBuffer Packed)
{
    internal void Check(IDevice device)
    {
        Need(Weights, (long)Inputs * Outputs);
        NeedPacked(device, Packed, Outputs, Inputs);
    }
}

/// <summary>y = x W + bias, or y += x W.</summary>
/// <param name="X">[N, inputs].</param>
/// <param name="Packed">W [inputs, outputs], packed by <see cref="PackWeights"/>.</param>
/// <param name="Bias">[outputs], or empty.</param>
/// <param name="Rows">N.</param>
/// <param name="Inputs">Columns of x.</param>
/// <param name="Outputs">Columns of y.</param>
/// <param name="Y">[N, outputs].</param>
/// <param name="Accumulate">Adds to y: the sum of its products goes on. Without a bias.</param>
public readonly record struct LinearForward(
    FloatBuffer X, PackedMatrix Packed, FloatBuffer Bias, int Rows, int Inputs, Outputs Outputs, FloatBuffer Y, bool Accumulate = false)
{
    internal void Check(IDevice device)
    {
        if (Accumulate && !Bias.IsEmpty)
        {
            throw new ArgumentException("A sum that goes on has had its bias.");
        }

        Outputs.Check();
        NeedMatrix(Rows, Inputs, X);
        NeedPacked(device, Packed, Inputs, Outputs.All);
        NeedMatrix(Rows, Outputs.All, Y);
        NeedOrEmpty(Bias, Outputs.All);
    }
}

/// <summary>dx = (or +=) dy W^T.</summary>
/// <param name="Dy">[N, outputs].</param>
/// <param name="Packed">W^T [outputs, inputs], packed by <see cref="PackWeightsTransposed"/>.</param>
/// <param name="Rows">N.</param>
/// <param name="Inputs">Columns of dx.</param>
/// <param name="Outputs">Columns of dy.</param>
/// <param name="Accumulate">Adds to dx.</param>
/// <param name="Dx">[N, inputs].</param>
public readonly record struct LinearBackwardInput(FloatBuffer Dy, FloatBuffer Packed, int Rows, int Inputs, Outputs Outputs, bool Accumulate, FloatBuffer Dx)
{
    internal void Check(IDevice device)
    {
        Outputs.Check();
        NeedMatrix(Rows, Outputs.All, Dy);
        NeedPacked(device, Packed, Outputs.All, Inputs);
        NeedMatrix(Rows, Inputs, Dx);
    }
}

/// <summary>dW += x^T dy; dBias += column sums of dy.</summary>
/// <param name="X">[N, inputs].</param>
/// <param name="Dy">[N, outputs].</param>
/// <param name="Rows">N.</param>
/// <param name="Inputs">Columns of x.</param>
/// <param name="Outputs">Columns of dy.</param>
/// <param name="Layout">How dW stands.</param>
/// <param name="DWeights">dW, in its layout.</param>
/// <param name="DBias">[outputs], or empty.</param>
public readonly record struct LinearBackwardWeights(
    FloatBuffer X, FloatBuffer Dy, int Rows, int Inputs, Outputs Outputs, WeightLayout Layout, FloatBuffer DWeights, FloatBuffer DBias)
{
    internal void Check()
    {
        Outputs.Check();
        NeedMatrix(Rows, Inputs, X);
        NeedMatrix(Rows, Outputs.All, Dy);
        NeedMatrix(Inputs, Outputs.All, DWeights);
        NeedOrEmpty(DBias, Outputs.All);
    }
}
