using Rlhf.Compute.Cpu.Simd;

namespace Rlhf.Compute.Cpu;

/// <summary>Creates the CPU device for the chosen instruction set.</summary>
public static class CpuDevice
{
    /// <summary>A device with its own worker threads; null takes <c>RLHF_THREADS</c> and <c>RLHF_ISA</c>, or all cores and the best instruction set.</summary>
    /// <exception cref="InputException">bfloat16 is asked for where oneDNN is not installed.</exception>
    public static IDevice Create(int? threads = null, InstructionSet? instructionSet = null, Precision precision = Precision.F32)
    {
        var count = threads ?? WorkerPool.ChooseThreads();
        return (instructionSet ?? InstructionSets.Choose()) switch
        {
            InstructionSet.Avx512 => new CpuDevice<Lanes512>(count, InstructionSet.Avx512, precision),
            InstructionSet.Avx2 => new CpuDevice<Lanes256>(count, InstructionSet.Avx2, precision),
            InstructionSet.Vector128 => new CpuDevice<Lanes128>(count, InstructionSet.Vector128, precision),
            _ => new CpuDevice<LanesScalar>(count, InstructionSet.Scalar, precision),
        };
    }
}
