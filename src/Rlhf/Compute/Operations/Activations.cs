using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>y = gelu(x), in the tanh form or exact: x Phi(x), Phi the normal distribution (Hendrycks and Gimpel 2016).</summary>
/// <param name="X">Any shape.</param>
/// <param name="Y">As x.</param>
/// <param name="Exact">x Phi(x) rather than the tanh form.</param>
public readonly record struct GeluForward(FloatBuffer X, FloatBuffer Y, bool Exact = false)
{
    internal void Check() => Need(Y, X.Length);
}

/// <summary>dx = dy gelu'(x).</summary>
/// <param name="X">Any shape.</param>
/// <param name="Dy">As x.</param>
/// <param name="Dx">As x; may be dy.</param>
/// <param name="Exact">As in the forward pass.</param>
public readonly record struct GeluBackward(FloatBuffer X, FloatBuffer Dy, FloatBuffer Dx, bool Exact = false)
{
    internal void Check() => NeedEach(X.Length, Dy, Dx);
}

/// <summary>y = max(x, 0).</summary>
/// <param name="X">Any shape.</param>
/// <param name="Y">As x.</param>
public readonly record struct ReluForward(FloatBuffer X, FloatBuffer Y)
{
    internal void Check() => Need(Y, X.Length);
}

/// <summary>dx = dy where x is above 0, else 0.</summary>
/// <param name="X">Any shape.</param>
/// <param name="Dy">As x.</param>
/// <param name="Dx">As x; may be dy.</param>
public readonly record struct ReluBackward(FloatBuffer X, FloatBuffer Dy, FloatBuffer Dx)
{
    internal void Check() => NeedEach(X.Length, Dy, Dx);
}

/// <summary>y = gelu(gate) up, tanh form (Shazeer 2020).</summary>
/// <param name="GateUp">Rows [gate | up]: [N, 2 F].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">F.</param>
/// <param name="Y">[N, F].</param>
public readonly record struct GeGluForward(FloatBuffer GateUp, int Rows, int Width, FloatBuffer Y)
{
    internal void Check()
    {
        NeedMatrix(Rows, 2 * Width, GateUp);
        NeedMatrix(Rows, Width, Y);
    }
}

/// <summary>dGate = dy up gelu'(gate), dUp = dy gelu(gate).</summary>
/// <param name="GateUp">[N, 2 F].</param>
/// <param name="Dy">[N, F].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">F.</param>
/// <param name="DGateUp">[N, 2 F].</param>
public readonly record struct GeGluBackward(FloatBuffer GateUp, FloatBuffer Dy, int Rows, int Width, FloatBuffer DGateUp)
{
    internal void Check()
    {
        NeedMatrix(Rows, 2 * Width, GateUp, DGateUp);
        NeedMatrix(Rows, Width, Dy);
    }
}

/// <summary>y = silu(gate) up with silu(x) = x sigmoid(x) (Shazeer 2020).</summary>
/// <param name="GateUp">Rows [gate | up]: [N, 2 F].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">F.</param>
/// <param name="Y">[N, F].</param>
public readonly record struct SwiGluForward(FloatBuffer GateUp, int Rows, int Width, FloatBuffer Y)
{
    internal void Check()
    {
        NeedMatrix(Rows, 2 * Width, GateUp);
        NeedMatrix(Rows, Width, Y);
    }
}

/// <summary>dGate = dy up silu'(gate), dUp = dy silu(gate), with silu'(g) = s (1 + g (1 - s)) and s = sigmoid(g).</summary>
/// <param name="GateUp">[N, 2 F].</param>
/// <param name="Dy">[N, F].</param>
/// <param name="Rows">N.</param>
/// <param name="Width">F.</param>
/// <param name="DGateUp">[N, 2 F].</param>
public readonly record struct SwiGluBackward(FloatBuffer GateUp, FloatBuffer Dy, int Rows, int Width, FloatBuffer DGateUp)
{
    internal void Check()
    {
        NeedMatrix(Rows, 2 * Width, GateUp, DGateUp);
        NeedMatrix(Rows, Width, Dy);
    }
}
