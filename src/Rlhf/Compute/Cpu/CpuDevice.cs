using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Rlhf.Compute.Cpu.MatMul;
using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.Compute.Operations;

namespace Rlhf.Compute.Cpu;

/// <summary>Makes the CPU device for an instruction set.</summary>
public static class CpuDevice
{
    /// <summary>The environment variable that forces an instruction set: <c>scalar</c>, <c>vector128</c>, <c>avx2</c> or <c>avx512</c>.</summary>
    public const string Variable = "RLHF_ISA";

    // Best first. Rates are those of docs/performance.md, float32 products on one core; no two sets were measured on the same machine.
    private static readonly (InstructionSet Set, bool IsSupported, Func<int, Precision, IDevice> Create)[] Sets =
    [
        // One register holds all lanes, and 32 of them a tile of 12 x 32 sums. 107 to 111 GFLOP/s (Zen 4); bfloat16 through oneDNN 1.8 to 1.9 times that.
        (InstructionSet.Avx512, Vector512.IsHardwareAccelerated && Avx512DQ.IsSupported && Avx512BW.IsSupported,
            static (threads, precision) => new CpuDevice<Lanes512, MatMulTile512>(threads, InstructionSet.Avx512, precision)),

        // Half as wide, with fused multiply-add. 86 to 92 GFLOP/s of the 100 of the registers (Zen 3).
        (InstructionSet.Avx2, Avx2.IsSupported
            && Fma.IsSupported, static (threads, precision) => new CpuDevice<Lanes256, MatMulTile256>(threads, InstructionSet.Avx2, precision)),

        // What every 64-bit processor has: SSE on x64, NEON on Arm. Not measured.
        (InstructionSet.Vector128, Vector128.IsHardwareAccelerated, static (threads, precision) => new CpuDevice<Lanes128, MatMulTile128>(
            threads, InstructionSet.Vector128, precision)),

        // The specification of the others, and the last fallback. Not measured.
        (InstructionSet.Scalar, true, static (threads, precision) => new CpuDevice<LanesScalar, MatMulTileScalar>(threads, InstructionSet.Scalar, precision)),
    ];

    /// <summary>The instruction sets that this machine runs, best first.</summary>
    public static IReadOnlyList<InstructionSet> Available { get; } = [.. Sets.Where(static one => one.IsSupported).Select(static one => one.Set)];

    /// <summary>A device with its own worker threads; null takes <c>RLHF_THREADS</c> and <c>RLHF_ISA</c>, or all cores and the best instruction set.</summary>
    /// <exception cref="InputException">bfloat16 is asked for where oneDNN is not installed, or <c>RLHF_ISA</c> names no set of this machine.</exception>
    public static IDevice Create(int? threads = null, InstructionSet? instructionSet = null, Precision precision = Precision.F32)
    {
        var set = instructionSet ?? Choose();
        return Sets.Single(one => one.Set == set).Create(threads ?? WorkerPool.ChooseThreads(), precision);
    }

    /// <summary>The memory that <see cref="Create"/>'s device takes.</summary>
    public static CountingDevice CreateCounting(Precision precision) => new CpuCountingDevice(precision);

    private static InstructionSet Choose()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } name)
        {
            return Available[0];
        }

        if (!Enum.TryParse<InstructionSet>(name, ignoreCase: true, out var forced) || !Enum.IsDefined(forced))
        {
            throw new InputException($"{Variable}={name}: expected one of {string.Join(", ", Enum.GetNames<InstructionSet>()).ToLowerInvariant()}.");
        }

        return Available.Contains(forced)
            ? forced
            : throw new InputException($"{Variable}={name}: this machine does not run it; it runs {string.Join(", ", Available).ToLowerInvariant()}.");
    }
}
