using Rlhf.Reports;

namespace Rlhf.Web.Watching;

/// <summary>
/// A run's folder as somebody sees it who looks on: read at most once a second, and only what is new. What is kept does not grow with the run
/// (<see cref="Curve"/>, <see cref="RunSamples"/>).
/// </summary>
internal sealed class WatchedRun
{
    private readonly LineTail _metrics;
    private readonly TimeProvider _clock;
    private long? _looked;
    private DateTime _statusWritten;
    private string? _metricsProblem;
    private string? _statusProblem;
    private string? _stagesProblem;

    /// <summary>Looks at nothing yet.</summary>
    /// <param name="folder">The run's folder, which may not be there yet.</param>
    /// <param name="name">What the run is called.</param>
    /// <param name="clock">Says when a second has gone by.</param>
    public WatchedRun(string folder, string name, TimeProvider clock)
    {
        (Folder, Name, _clock) = (Path.GetFullPath(folder), name, clock);
        _metrics = new LineTail(Path.Combine(Folder, MetricsFile.Name), Limits.WatchedRow);
        Stages = new WatchedStages(Folder);
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>What the run is called.</summary>
    public string Name { get; }

    /// <summary>Held by whoever reads what is below.</summary>
    public object Gate { get; } = new();

    /// <summary>The curves.</summary>
    public RunCurves Curves { get; } = new();

    /// <summary>The last answers.</summary>
    public RunSamples Samples { get; } = new();

    /// <summary>The stages.</summary>
    public WatchedStages Stages { get; }

    /// <summary>How the run says that it is; null where it has said nothing, or nothing that can be read.</summary>
    public RunStatus? Status { get; private set; }

    /// <summary>Whether the folder is there.</summary>
    public bool Exists { get; private set; }

    /// <summary>Whether there was more to read than one look reads.</summary>
    public bool HasMore => _metrics.HasMore;

    /// <summary>What cannot be read, as sentences.</summary>
    public IEnumerable<string> Problems
    {
        get
        {
            if (_statusProblem is { } status)
            {
                yield return status;
            }

            if (_stagesProblem is { } stages)
            {
                yield return stages;
            }

            if (_metricsProblem is { } metrics)
            {
                yield return metrics;
            }

            if (_metrics.Refused + Curves.Refused is > 0 and var lines)
            {
                yield return FormattableString.Invariant($"{MetricsFile.Name} has {lines} lines that are no rows of metrics; they are left out.");
            }

            if (Curves.IsFull)
            {
                yield return FormattableString.Invariant($"The run logs more than {Limits.WatchedCurves} curves; the others are left out.");
            }

            if (Samples.Refused > 0)
            {
                yield return FormattableString.Invariant($"{Samples.Refused} lines of samples are no answers; they are left out.");
            }

            foreach (var problem in Stages.Problems)
            {
                yield return problem;
            }
        }
    }

    /// <summary>Differs as soon as <see cref="RunView"/> may differ, and costs less than that.</summary>
    public object ViewKey =>
        (Status, Exists, IsAlive, Stages.Version, (_statusProblem, _metricsProblem, _stagesProblem),
            (_metrics.Refused, Curves.Refused, Curves.IsFull, Samples.Refused));

    /// <summary>Whether the run's process shows signs of life.</summary>
    public bool IsAlive => Status is { State: RunState.Running } status && Age(status) < TimeSpan.FromSeconds(10 * RunStatus.Every);

    /// <summary>How long ago the run wrote its status.</summary>
    public TimeSpan Age(RunStatus status) => _clock.GetUtcNow() - status.Updated;

    /// <summary>Reads what is new, unless that was done within the last second. The caller holds <see cref="Gate"/>.</summary>
    public void Look()
    {
        if (_looked is { } before && _clock.GetElapsedTime(before) < TimeSpan.FromSeconds(0.9))
        {
            return;
        }

        _looked = _clock.GetTimestamp();
        Exists = Directory.Exists(Folder);
        _metricsProblem = Try(() => _metrics.Look(Curves.Clear, Curves.Add));
        LookAtStatus();
        _stagesProblem = Try(() => Stages.Look(Samples));
    }

    private void LookAtStatus()
    {
        var written = File.GetLastWriteTimeUtc(Path.Combine(Folder, RunStatus.FileName));
        if (written != _statusWritten)
        {
            _statusWritten = written;
            Status = null;
            _statusProblem = Try(() => Status = RunStatus.Read(Folder));
        }
    }

    private static string? Try(Action read)
    {
        try
        {
            read();
            return null;
        }
        catch (Exception exception) when (exception is InputException || FileFailure.Is(exception))
        {
            return FailureText.Of(exception);
        }
    }
}
