using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>
/// Counter-based dropout: element (row, column) is kept with probability 1 - <paramref name="Probability"/>, decided by (<paramref name="Seed"/>,
/// <paramref name="Stream"/>,
/// <paramref name="FirstRow"/> + row, column), and scaled by 1 / (1 - p). Rows are counted over the whole optimizer batch, so the mask does not depend on how
/// that batch is split.
/// </summary>
public readonly record struct Dropout(float Probability, ulong Seed, ulong Stream, uint FirstRow)
{
    /// <summary>False for the identity.</summary>
    public bool IsActive => Probability > 0;
}

/// <summary>output = x + dropout(y): forward with the residual, backward without.</summary>
/// <param name="X">[N, C], or empty: nothing is added.</param>
/// <param name="Y">[N, C].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">C.</param>
/// <param name="Dropout">The mask; default for none.</param>
/// <param name="RowNumbers">The mask is that of the rows with these numbers [N]; empty for 0, 1, 2, ...</param>
/// <param name="Output">[N, C]; may be x or y.</param>
public readonly record struct AddDropped(FloatBuffer X, FloatBuffer Y, int Rows, int Width, Dropout Dropout, IntBuffer RowNumbers, FloatBuffer Output)
{
    internal void Check()
    {
        NeedMatrix(Rows, Width, Y, Output);
        NeedOrEmpty(X, (long)Rows * Width);
        Need(RowNumbers, RowNumbers.Length == 0 ? 0 : Rows);
    }
}

/// <summary>x += scale of the row times uniform(-1, 1): NEFTune (Jain 2023).</summary>
/// <param name="X">[N, C].</param>
/// <param name="RowScales">[N].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">C.</param>
/// <param name="Counter">Where the random numbers are taken from; its probability is not read.</param>
public readonly record struct AddUniformNoise(FloatBuffer X, FloatBuffer RowScales, int Rows, int Width, Dropout Counter)
{
    internal void Check()
    {
        NeedMatrix(Rows, Width, X);
        Need(RowScales, Rows);
    }
}
