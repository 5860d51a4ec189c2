using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>y = rows of x, by number.</summary>
/// <param name="X">[any, C].</param>
/// <param name="RowNumbers">[count].</param>
/// <param name="Count">Rows that are copied.</param>
/// <param name="Width">C.</param>
/// <param name="Y">[count, C].</param>
public readonly record struct GatherRows(FloatBuffer X, IntBuffer RowNumbers, int Count, int Width, FloatBuffer Y)
{
    internal void Check()
    {
        Need(RowNumbers, Count);
        NeedMatrix(Count, Width, Y);
    }
}

/// <summary>Rows of dx += rows of dy, by number; where a number occurs several times, in the order of the numbers.</summary>
/// <param name="Dy">[count, C].</param>
/// <param name="RowNumbers">[count].</param>
/// <param name="Count">Rows that are added.</param>
/// <param name="Width">C.</param>
/// <param name="Dx">[any, C].</param>
public readonly record struct ScatterAddRows(FloatBuffer Dy, IntBuffer RowNumbers, int Count, int Width, FloatBuffer Dx)
{
    internal void Check()
    {
        Need(RowNumbers, Count);
        NeedMatrix(Count, Width, Dy);
    }
}
