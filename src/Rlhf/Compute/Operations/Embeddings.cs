using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>y = the tokens' rows of a table, plus the positions' rows of a second one if there is one.</summary>
/// <param name="Tokens">[N].</param>
/// <param name="Positions">[N]; not read without a table.</param>
/// <param name="TokenTable">[V, C].</param>
/// <param name="PositionTable">[context, C], or empty.</param>
/// <param name="Rows">N.</param>
/// <param name="Width">C.</param>
/// <param name="Y">[N, C].</param>
public readonly record struct EmbeddingForward(
    IntBuffer Tokens, IntBuffer Positions, FloatBuffer TokenTable, FloatBuffer PositionTable, int Rows, int Width, FloatBuffer Y)
{
    internal void Check()
    {
        Need(Tokens, Rows);
        Need(Positions, PositionTable.IsEmpty ? 0 : Rows);
        NeedMatrix(Rows, Width, Y);
    }
}

/// <summary>Adds each row of dy to its token's and position's rows, in the order of the batch.</summary>
/// <param name="Tokens">[N].</param>
/// <param name="Positions">[N]; not read without a table.</param>
/// <param name="Dy">[N, C].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">C.</param>
/// <param name="DTokenTable">[V, C].</param>
/// <param name="DPositionTable">[context, C], or empty.</param>
public readonly record struct EmbeddingBackward(
    IntBuffer Tokens, IntBuffer Positions, FloatBuffer Dy, int Rows, int Width, FloatBuffer DTokenTable, FloatBuffer DPositionTable)
{
    internal void Check()
    {
        Need(Tokens, Rows);
        Need(Positions, DPositionTable.IsEmpty ? 0 : Rows);
        NeedMatrix(Rows, Width, Dy);
    }
}

/// <summary>
/// Rotary positions (Su 2021): turns pairs of the first r components of the first heads of each row by the angle of the row's position:
/// a' = a cos - b sin, b' = b cos + a sin. Pairs are (j, j + r/2), or (2j, 2j + 1) where they are interleaved. The inverse turns back, which is the backward
/// pass.
/// </summary>
/// <param name="X">[N, heads, D], rows <paramref name="RowStride"/> floats apart.</param>
/// <param name="Positions">Rows of the tables [N].</param>
/// <param name="Cosines">[context, r/2].</param>
/// <param name="Sines">[context, r/2].</param>
/// <param name="Rows">N.</param>
/// <param name="Heads">Heads that are turned: H + K.</param>
/// <param name="HeadWidth">D.</param>
/// <param name="RowStride">Floats from a row to the next.</param>
/// <param name="Inverse">Turns back.</param>
/// <param name="Turned">r, components of a head that are turned; 0: all of them, D.</param>
/// <param name="Interleaved">Neighbours are pairs.</param>
public readonly record struct Rotate(
    FloatBuffer X, IntBuffer Positions, FloatBuffer Cosines, FloatBuffer Sines, int Rows, int Heads, int HeadWidth, int RowStride, bool Inverse,
    int Turned = 0, bool Interleaved = false)
{
    /// <summary>r / 2.</summary>
    internal int Pairs => (Turned == 0 ? HeadWidth : Turned) / 2;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)Turned, (uint)HeadWidth);
        NeedStrided(Rows, Heads * HeadWidth, RowStride, X);
        Need(Positions, Rows);
    }
}
