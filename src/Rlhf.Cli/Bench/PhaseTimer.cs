using System.Diagnostics;

namespace Rlhf.Cli.Bench;

/// <summary>Runs a phase several times: the best time, and what the last repetition allocated on the managed heap.</summary>
internal sealed class PhaseTimer(Action<string> progress, CancellationToken cancellation)
{
    public (double Seconds, long AllocatedBytes) Best(BenchmarkPhase phase, int repetitions, Action<int> body)
    {
        var (best, allocated) = (double.PositiveInfinity, 0L);
        for (var i = 1; i <= repetitions; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var before = GC.GetTotalAllocatedBytes(precise: true);
            var start = Stopwatch.GetTimestamp();
            body(i);
            var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
            best = Math.Min(best, seconds);
            progress(FormattableString.Invariant($"{SnakeCase.Of(phase)} {i}/{repetitions}: {seconds:F3} s"));
        }

        return (best, allocated);
    }
}
