using System.Diagnostics;

namespace Fuzz;

/// <summary>How many inputs of a target ended how.</summary>
public sealed class FuzzCount
{
    /// <summary>Inputs read.</summary>
    public long Inputs { get; internal set; }

    /// <summary>Refused with a sentence for people.</summary>
    public long Refused { get; internal set; }

    /// <summary>Any other exception.</summary>
    public long Crashes { get; internal set; }

    /// <summary>Not done within the time.</summary>
    public long Hangs { get; internal set; }

    /// <summary>Done with more memory than allowed.</summary>
    public long Allocations { get; internal set; }

    /// <summary>Changed bytes that were taken for what was written.</summary>
    public long Silent { get; internal set; }

    /// <summary>The most bytes that one input allocated.</summary>
    public long MostAllocated { get; internal set; }

    /// <summary>The most milliseconds of the processor that one input took.</summary>
    public double MostMilliseconds { get; internal set; }
}

/// <summary>A failing input.</summary>
public sealed record FuzzFailure(string Target, long Number, string Kind, string Message, FuzzCase Case);

/// <summary>Gives changed inputs to the targets and counts how they end. One thread reads, another watches for hangs.</summary>
public sealed class FuzzRun(FuzzOptions options)
{
    private const int MostFailuresKept = 20;

    // A busy machine is no hang; what waits for something that never comes takes no processor time.
    private const int PatienceOfWaiting = 20;

    private readonly string _folder =
        Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"rlhf-fuzz-{Environment.ProcessId}-{Guid.NewGuid():N}");
    private readonly object _gate = new();
    private (FuzzTarget Target, long Number, FuzzCase Case, long Started, TimeSpan Processor)? _current;

    /// <summary>Counts by target.</summary>
    public SortedDictionary<string, FuzzCount> Counts { get; } = new(StringComparer.Ordinal);

    /// <summary>Failing inputs, of each kind of failure the first few.</summary>
    public List<FuzzFailure> Failures { get; } = [];

    /// <summary>Failing inputs beyond the first few are counted, not kept.</summary>
    public long Done => Counts.Values.Sum(count => count.Inputs);

    /// <summary>Reads all inputs; returns early where one hangs, since its thread cannot be stopped.</summary>
    /// <param name="tell">Hears now and then how far it is.</param>
    public void Go(Action<FuzzRun> tell)
    {
        var reader = new Thread(ReadAll) { IsBackground = true, Name = "fuzz" };
        reader.Start();
        for (var next = DateTime.UtcNow.AddSeconds(10); !reader.Join(100);)
        {
            if (HungCase() is { } hung)
            {
                lock (_gate)
                {
                    Fail(hung.Target, hung.Number, "hang", $"not done after {options.HangSeconds} seconds", hung.Case, count => count.Hangs++);
                }

                return;
            }

            if (DateTime.UtcNow < next)
            {
                continue;
            }

            tell(this);
            next = DateTime.UtcNow.AddSeconds(30);
        }

        tell(this);
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    /// <summary>Reads one case.</summary>
    public void Read(FuzzTarget target, long number, FuzzCase input)
    {
        var count = CountOf(target);
        if (target.OnDisk)
        {
            input.WriteTo(_folder);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var processor = ProcessorTime;
        lock (_gate)
        {
            _current = (target, number, input, Stopwatch.GetTimestamp(), processor);
        }

        var failure = Ending(target, input);
        lock (_gate)
        {
            _current = null;
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            count.Inputs++;
            count.MostAllocated = Math.Max(count.MostAllocated, allocated);
            count.MostMilliseconds = Math.Max(count.MostMilliseconds, (ProcessorTime - processor).TotalMilliseconds);
            if (failure is InputException or RunFailedException)
            {
                count.Refused++;
            }
            else if (failure is SilentAcceptanceException)
            {
                Fail(target, number, "silent", failure.Message, input, kind => kind.Silent++);
            }
            else if (failure is not null)
            {
                Fail(target, number, "crash", failure.ToString(), input, kind => kind.Crashes++);
            }

            if (allocated > options.MostAllocatedBytes)
            {
                Fail(target, number, "allocation", $"{allocated >> 20} MiB", input, kind => kind.Allocations++);
            }
        }
    }

    private void ReadAll()
    {
        foreach (var (target, number) in Order())
        {
            Read(target, number, target.Case(options.Seed, number));
        }
    }

    private static TimeSpan ProcessorTime => Environment.CpuUsage.TotalTime;

    // Targets take turns in proportion to their shares, so that a run that is cut short has seen them all.
    private IEnumerable<(FuzzTarget Target, long Number)> Order()
    {
        var targets = options.Chosen();
        FuzzTarget[] turns = [.. targets.SelectMany(target => Enumerable.Repeat(target, target.Share))];
        var numbers = targets.ToDictionary(target => target.Name, _ => 0L);
        for (var done = 0L; done < options.Inputs; done++)
        {
            var target = turns[done * 37 % turns.Length];
            if (turns.Length % 37 == 0)
            {
                target = turns[done % turns.Length];
            }

            yield return (target, numbers[target.Name]++);
        }
    }

    private Exception? Ending(FuzzTarget target, FuzzCase input)
    {
        try
        {
            target.Read(input, _folder);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private (FuzzTarget Target, long Number, FuzzCase Case)? HungCase()
    {
        lock (_gate)
        {
            if (_current is not { } current)
            {
                return null;
            }

            var worked = (ProcessorTime - current.Processor).TotalSeconds > options.HangSeconds;
            var waited = Stopwatch.GetElapsedTime(current.Started).TotalSeconds > PatienceOfWaiting * options.HangSeconds;
            return worked || waited ? (current.Target, current.Number, current.Case) : null;
        }
    }

    private void Fail(FuzzTarget target, long number, string kind, string message, FuzzCase input, Action<FuzzCount> count)
    {
        count(CountOf(target));
        var where = string.Join('\n', message.Split('\n').Take(3));
        if (Failures.Count < 500
            && Failures.Count(known => known.Target == target.Name && known.Message.StartsWith(where, StringComparison.Ordinal)) < MostFailuresKept)
        {
            Failures.Add(new FuzzFailure(target.Name, number, kind, message, input));
        }
    }

    private FuzzCount CountOf(FuzzTarget target)
    {
        lock (_gate)
        {
            return Counts.TryGetValue(target.Name, out var count) ? count : Counts[target.Name] = new FuzzCount();
        }
    }
}
