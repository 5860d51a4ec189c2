using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

/// <summary>Creates the CPU device for the chosen instruction set.</summary>
public static class CpuDevice
{
    /// <summary>A device with its own worker threads; null takes <c>RLHF_THREADS</c> and <c>RLHF_ISA</c>, or all cores and the best instruction set.</summary>
    public static IDevice Create(int? threads = null, InstructionSet? instructionSet = null)
    {
        var count = threads ?? WorkerPool.ChooseThreads();
        return (instructionSet ?? InstructionSets.Choose()) switch
        {
            InstructionSet.Avx512 => new CpuDevice<Lanes512>(count, InstructionSet.Avx512),
            InstructionSet.Avx2 => new CpuDevice<Lanes256>(count, InstructionSet.Avx2),
            InstructionSet.Vector128 => new CpuDevice<Lanes128>(count, InstructionSet.Vector128),
            _ => new CpuDevice<LanesScalar>(count, InstructionSet.Scalar),
        };
    }
}
