using Rlhf.Hub;
using Rlhf.Reports;

namespace Rlhf.Cli;

/// <summary>Shows downloads from the hub as all other work is shown.</summary>
internal sealed class HubProgress(ProgressReporter reporter) : IHubProgress
{
    private ProgressTask? _task;

    public void Begin(string name, long bytes, long there)
    {
        _task = bytes == 0 ? null : reporter.Start(name, bytes, ProgressTask.Bytes);
        _task?.Skip(there);
    }

    public void Advance(long bytes) => _task?.Advance(bytes);

    public void End()
    {
        _task?.Dispose();
        _task = null;
    }

    public void Note(string message) => reporter.Line($"rlhf: {message}");
}
