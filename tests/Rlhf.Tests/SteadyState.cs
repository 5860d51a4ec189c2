namespace Rlhf.Tests;

/// <summary>What a round of work allocates once it has run often enough.</summary>
internal static class SteadyState
{
    private const int Windows = 6;

    /// <summary>
    /// Bytes that <paramref name="rounds"/> rounds in a row allocate on this thread, the least of a few such windows: the runtime itself allocates while it
    /// compiles hot methods anew,
    /// and once for what a thread needs for its first wait for another, so a steady window must come, not be the first one.
    /// </summary>
    public static long AllocatedBytes(int rounds, Action round)
    {
        var smallest = long.MaxValue;
        for (var window = 0; window < Windows && smallest > 0; window++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < rounds; i++)
            {
                round();
            }

            smallest = Math.Min(smallest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return smallest;
    }
}
