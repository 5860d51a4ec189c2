using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>y = (x - mean) rstd gain + bias for each row (Ba 2016; biased variance, epsilon inside the root).</summary>
/// <param name="X">[N, C].</param>
/// <param name="Gain">[C].</param>
/// <param name="Bias">[C].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">C.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="Y">[N, C].</param>
/// <param name="Mean">[N], kept for the backward pass.</param>
/// <param name="ReciprocalDeviation">1 / standard deviation [N], kept for the backward pass.</param>
public readonly record struct LayerNormForward(
    FloatBuffer X, FloatBuffer Gain, FloatBuffer Bias, int Rows, int Width, float Epsilon, FloatBuffer Y, FloatBuffer Mean, FloatBuffer ReciprocalDeviation)
{
    internal void Check()
    {
        NeedMatrix(Rows, Width, X, Y);
        NeedEach(Width, Gain, Bias);
        NeedEach(Rows, Mean, ReciprocalDeviation);
    }
}

/// <summary>With n = normalised x and g = dy gain: dx += rstd (g - mean(g) - n mean(g n)), dGain += sum over rows of dy n, dBias += sum over rows of
/// dy.</summary>
/// <param name="X">[N, C].</param>
/// <param name="Gain">[C].</param>
/// <param name="Mean">[N], of the forward pass.</param>
/// <param name="ReciprocalDeviation">[N], of the forward pass.</param>
/// <param name="Dy">[N, C].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">C.</param>
/// <param name="Dx">[N, C].</param>
/// <param name="DGain">[C]; left out, with the bias's, if empty.</param>
/// <param name="DBias">[C].</param>
public readonly record struct LayerNormBackward(
    FloatBuffer X, FloatBuffer Gain, FloatBuffer Mean, FloatBuffer ReciprocalDeviation, FloatBuffer Dy, int Rows, int Width, FloatBuffer Dx, FloatBuffer DGain,
    FloatBuffer DBias)
{
    internal void Check()
    {
        NeedMatrix(Rows, Width, X, Dy, Dx);
        Need(Gain, Width);
        NeedOrEmpty(DGain, Width);
        Need(DBias, DGain.IsEmpty ? 0 : Width);
        NeedEach(Rows, Mean, ReciprocalDeviation);
    }
}

/// <summary>y = x / sqrt(mean(x^2) + epsilon) gain (Zhang and Sennrich 2019) for each of some neighbouring groups of numbers in each row.</summary>
/// <param name="X">[N, groups, width], rows <paramref name="RowStride"/> floats apart.</param>
/// <param name="Gain">[width].</param>
/// <param name="Rows">N.</param>
/// <param name="Groups">Groups of a row: 1, or heads.</param>
/// <param name="Width">Numbers of a group: C, or D.</param>
/// <param name="RowStride">Floats from a row to the next.</param>
/// <param name="Epsilon">Added to the mean of the squares.</param>
/// <param name="Y">As x; may be x.</param>
/// <param name="ReciprocalRoot">1 / root [N, groups], kept for the backward pass.</param>
public readonly record struct RmsNormForward(
    FloatBuffer X, FloatBuffer Gain, int Rows, int Groups, int Width, int RowStride, float Epsilon, FloatBuffer Y, FloatBuffer ReciprocalRoot)
{
    internal void Check()
    {
        NeedStrided(Rows, Groups * Width, RowStride, X, Y);
        Need(Gain, Width);
        NeedMatrix(Rows, Groups, ReciprocalRoot);
    }
}

/// <summary>With n = x / root and g = dy gain: dx = (or +=) (g - n mean(g n)) / root, dGain += sum over rows and groups of dy n.</summary>
/// <param name="X">[N, groups, width], rows <paramref name="RowStride"/> floats apart.</param>
/// <param name="Gain">[width].</param>
/// <param name="ReciprocalRoot">[N, groups], of the forward pass.</param>
/// <param name="Dy">As x.</param>
/// <param name="Rows">N.</param>
/// <param name="Groups">Groups of a row.</param>
/// <param name="Width">Numbers of a group.</param>
/// <param name="RowStride">Floats from a row to the next.</param>
/// <param name="Accumulate">Adds to dx.</param>
/// <param name="Dx">As x; may be dy where it is not accumulated.</param>
/// <param name="DGain">[width]; left out if empty.</param>
public readonly record struct RmsNormBackward(
    FloatBuffer X, FloatBuffer Gain, FloatBuffer ReciprocalRoot, FloatBuffer Dy, int Rows, int Groups, int Width, int RowStride, bool Accumulate,
    FloatBuffer Dx, FloatBuffer DGain)
{
    internal void Check()
    {
        NeedStrided(Rows, Groups * Width, RowStride, X, Dy, Dx);
        Need(Gain, Width);
        NeedOrEmpty(DGain, Width);
        NeedMatrix(Rows, Groups, ReciprocalRoot);
    }
}
