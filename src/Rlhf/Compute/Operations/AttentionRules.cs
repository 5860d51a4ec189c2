namespace Rlhf.Compute.Operations;

/// <summary>
/// What attention does to a score beside looking at no later position. <c>default</c> is plain causal attention: q k / sqrt(D), every position up to the row's
/// own.
/// </summary>
public readonly record struct AttentionRules
{
    /// <summary>Multiplies q k; 0: 1 / sqrt(D).</summary>
    public float Scale { get; init; }

    /// <summary>Positions that a row sees, its own included (Jiang 2023); 0: all up to its own.</summary>
    public int Window { get; init; }

    /// <summary>c in c tanh(score / c), after the scale (Gemma Team 2024); 0: none.</summary>
    public float Cap { get; init; }

    /// <summary>a_h [H]: the score of position j in row i gets -a_h (i - j) (ALiBi, Press 2021); or empty.</summary>
    public FloatBuffer Slopes { get; init; }

    /// <summary>Whether this is plain causal attention.</summary>
    internal bool IsPlain => Scale == 0 && Window == 0 && Cap == 0 && Slopes.IsEmpty;

    internal void Check(AttentionShape shape)
    {
        Shapes.NeedOrEmpty(Slopes, shape.Heads);
        if (Scale < 0 || Window < 0 || Cap < 0)
        {
            throw new ArgumentException($"{nameof(Scale)} {Scale}, {nameof(Window)} {Window} and {nameof(Cap)} {Cap} must not be negative.");
        }
    }
}
