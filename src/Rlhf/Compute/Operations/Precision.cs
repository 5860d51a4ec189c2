namespace Rlhf.Compute.Operations;

/// <summary>The format of the operands of matrix products. Everything else is float32 in either: parameters, sums, norms, attention, softmax, the
/// optimizer.</summary>
public enum Precision
{
    /// <summary>float32: results do not depend on the batch, the threads or the instruction set.</summary>
    F32,

    /// <summary>bfloat16 operands, rounded to nearest even when a product reads them, with sums in float32, through oneDNN.</summary>
    Bf16,
}
