namespace Rlhf.Reports;

/// <summary>
/// Shows how far a run is while it works: writes <c>status.json</c> every few seconds, and hears a <see cref="StopRequest"/>. That the file cannot be written
/// ends no run.
/// </summary>
internal sealed class RunStatusWriter : IDisposable
{
    private const int MostLines = 40;
    private const int MostAlarms = 100;
    private const int LongestLine = 1000;

    private readonly string _folder;
    private readonly string[] _stages;
    private readonly Action _stop;
    private readonly Queue<string> _lines = new();
    private readonly List<StageAlarm> _alarms = [];
    private readonly object _gate = new();
    private readonly Timer _timer;
    private ProgressTask? _work;
    private bool _stopping;
    private bool _ended;

    /// <summary>Begins to write. A request to stop that an earlier process has not heard is forgotten.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="stages">The names of its stages.</param>
    /// <param name="stop">Done once, on a thread of its own, when the run is asked to stop.</param>
    public RunStatusWriter(string folder, IEnumerable<string> stages, Action stop)
    {
        (_folder, _stages, _stop) = (folder, [.. stages], stop);
        StopRequest.Forget(folder);
        Write(RunState.Running, null);
        _timer = new Timer(_ => Look(), null, TimeSpan.FromSeconds(RunStatus.Every), TimeSpan.FromSeconds(RunStatus.Every));
    }

    /// <summary>What is done from now on.</summary>
    public void Begin(ProgressTask work)
    {
        lock (_gate)
        {
            _work = work;
        }
    }

    /// <summary>Keeps a line for a person.</summary>
    public void Tell(string line)
    {
        lock (_gate)
        {
            _lines.Enqueue(line.Length > LongestLine ? line[..LongestLine] + " ..." : line);
            while (_lines.Count > MostLines)
            {
                _lines.Dequeue();
            }
        }
    }

    /// <summary>Keeps an alarm; false where it was told before.</summary>
    public bool Tell(StageAlarm alarm)
    {
        lock (_gate)
        {
            if (_alarms.Contains(alarm) || _alarms.Count >= MostAlarms)
            {
                return false;
            }

            _alarms.Add(alarm);
            return true;
        }
    }

    /// <summary>Writes how the run ended; nothing is written after it.</summary>
    public void End(RunState state, string? message = null)
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _work = null;
            Write(state, message);
            _ended = true;
            StopRequest.Forget(_folder);
        }
    }

    /// <summary>Ends the writing.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        End(RunState.Stopped);
    }

    private void Look()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            if (!_stopping && StopRequest.IsMade(_folder))
            {
                _stopping = true;
                _stop();
            }

            Write(RunState.Running, null);
        }
    }

    private void Write(RunState state, string? message)
    {
        try
        {
            new RunStatus
            {
                State = state,
                Process = Environment.ProcessId,
                Updated = DateTimeOffset.UtcNow,
                Message = message,
                Stages = _stages,
                Work = _work?.Status(),
                MemoryBytes = Environment.WorkingSet,
                PeakMemoryBytes = ResidentMemory.PeakBytes(),
                Alarms = _alarms,
                Lines = [.. _lines],
                Stopping = _stopping,
            }.Write(_folder);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            // Who looks on sees an old status and its time; the run matters more.
        }
    }
}
