using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Compute.Cpu;

/// <summary>The vector instructions that the kernels are compiled for.</summary>
public enum InstructionSet
{
    /// <summary>No vector instructions: the specification and the last fallback.</summary>
    Scalar,

    /// <summary>128-bit vectors: SSE on x64, NEON on Arm.</summary>
    Vector128,

    /// <summary>256-bit vectors with fused multiply-add (AVX2 + FMA).</summary>
    Avx2,

    /// <summary>512-bit vectors (AVX-512 F, BW, DQ, VL).</summary>
    Avx512,
}

/// <summary>Chooses the instruction set at start.</summary>
public static class InstructionSets
{
    /// <summary>The environment variable that forces one: <c>scalar</c>, <c>vector128</c>, <c>avx2</c> or <c>avx512</c>.</summary>
    public const string Variable = "RLHF_ISA";

    /// <summary>Those that this machine runs, best first.</summary>
    public static IReadOnlyList<InstructionSet> Available { get; } =
        [.. Enum.GetValues<InstructionSet>().Where(IsSupported).OrderDescending()];

    /// <summary>The best one, or the one that <see cref="Variable"/> names.</summary>
    public static InstructionSet Choose()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } name)
        {
            return Available[0];
        }

        if (!Enum.TryParse<InstructionSet>(name, ignoreCase: true, out var forced) || !Enum.IsDefined(forced))
        {
            throw new InputException($"{Variable}={name}: expected one of {string.Join(", ", Enum.GetNames<InstructionSet>()).ToLowerInvariant()}.");
        }

        return IsSupported(forced)
            ? forced
            : throw new InputException($"{Variable}={name}: this machine does not run it; it runs {string.Join(", ", Available).ToLowerInvariant()}.");
    }

    private static bool IsSupported(InstructionSet set) => set switch
    {
        InstructionSet.Avx512 => Vector512.IsHardwareAccelerated && Avx512DQ.IsSupported && Avx512BW.IsSupported,
        InstructionSet.Avx2 => Avx2.IsSupported && Fma.IsSupported,
        InstructionSet.Vector128 => Vector128.IsHardwareAccelerated,
        _ => true,
    };
}
