namespace Rlhf.Model;

/// <summary>What normalises the residual stream.</summary>
public enum Normalization
{
    /// <summary>(x - mean) / sqrt(variance + epsilon) * gain + bias, biased variance.</summary>
    LayerNorm,

    /// <summary>x / sqrt(mean(x^2) + epsilon) * gain.</summary>
    RmsNorm,
}

/// <summary>Where a block's norms stand, seen from attention and from the feed-forward block.</summary>
public enum NormPlacement
{
    /// <summary>x + f(norm(x)).</summary>
    Before,

    /// <summary>x + norm(f(x)) (OLMo 2).</summary>
    After,

    /// <summary>x + norm(f(norm(x))) (Gemma 2).</summary>
    BeforeAndAfter,

    /// <summary>norm(x + f(x)) (OPT-350m).</summary>
    AfterResidual,
}

/// <summary>What RMS-normalises queries and keys before they are turned.</summary>
public enum QueryKeyNorm
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A norm over each head's components, one gain for all heads (Qwen3).</summary>
    EachHead,

    /// <summary>A norm over the whole projection (OLMo 2).</summary>
    Whole,
}

/// <summary>How a token's position enters the model.</summary>
public enum Positions
{
    /// <summary>A learned vector per position, added to the token's embedding.</summary>
    Learned,

    /// <summary>Queries and keys are turned by an angle that grows with the position.</summary>
    Rotary,

    /// <summary>Scores fall with the distance (ALiBi, Press 2021).</summary>
    Alibi,
}

/// <summary>The form of the feed-forward block.</summary>
public enum FeedForward
{
    /// <summary>down(gelu(up x)), GELU in its tanh form.</summary>
    Gelu,

    /// <summary>down(x Phi(x)) of up x: GELU with the error function.</summary>
    ExactGelu,

    /// <summary>down(max(up x, 0)).</summary>
    Relu,

    /// <summary>down(silu(gate x) * up x).</summary>
    SwiGlu,

    /// <summary>down(gelu(gate x) * up x), GELU in its tanh form.</summary>
    GeGlu,
}
