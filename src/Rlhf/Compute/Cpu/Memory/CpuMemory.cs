using System.Runtime.InteropServices;

namespace Rlhf.Compute.Cpu.Memory;

/// <summary>
/// Zeroed memory of the CPU device. On Linux, large blocks are mapped and asked to stand in huge pages: nothing is cleared by hand, and walks over rows far
/// apart, as packing does, miss
/// the translation cache less. Elsewhere, and for small blocks, the C library's heap.
/// </summary>
internal static unsafe partial class CpuMemory
{
    private const long LargeBytes = 4 << 20;
    private const int ReadWrite = 1 | 2; // PROT_READ | PROT_WRITE
    private const int PrivateAnonymous = 0x02 | 0x20; // MAP_PRIVATE | MAP_ANONYMOUS
    private const int HugePages = 14; // MADV_HUGEPAGE: advice, whose refusal changes nothing but speed

    public static float* Allocate(long bytes)
    {
        if (IsMapped(bytes))
        {
            var mapped = Map(null, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
            if ((nint)mapped == -1)
            {
                throw new RunFailedException(
                    $"The system refuses {bytes / 1048576} MiB of memory; smaller micro_batch_tokens, or recompute_activations: true, need less.");
            }

            _ = Advise(mapped, (nuint)bytes, HugePages);
            return (float*)mapped;
        }

        var memory = (float*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        NativeMemory.Clear(memory, (nuint)bytes);
        return memory;
    }

    public static void Free(float* memory, long bytes)
    {
        if (IsMapped(bytes))
        {
            _ = Unmap(memory, (nuint)bytes);
        }
        else
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static bool IsMapped(long bytes) => OperatingSystem.IsLinux() && bytes >= LargeBytes;

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
