using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Rlhf.Compute.Cpu.Simd;

/// <summary>Brings memory near before it is needed: rows that lie far apart are a walk that the processor does not guess. Any address may be named, nothing is
/// read from it.</summary>
internal static unsafe class Fetch
{
    private const int CacheLine = 16; // floats

    /// <summary>Asks for <paramref name="count"/> floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Row(float* row, int count)
    {
        for (var i = 0; Sse.IsSupported && i < count; i += CacheLine)
        {
            Sse.Prefetch0(row + i);
        }
    }
}
