namespace Rlhf.Compute.Cpu;

/// <summary>The vector instructions that the kernels are compiled for.</summary>
public enum InstructionSet
{
    /// <summary>No vector instructions.</summary>
    Scalar,

    /// <summary>128-bit vectors: SSE on x64, NEON on Arm.</summary>
    Vector128,

    /// <summary>256-bit vectors with fused multiply-add (AVX2 + FMA).</summary>
    Avx2,

    /// <summary>512-bit vectors (AVX-512 F, BW, DQ, VL).</summary>
    Avx512,
}
