using System.Globalization;
using Rlhf.Reports;

namespace Rlhf.Tests.Stages;

/// <summary>Asks a run to stop once its progress has told of a stage so many times; every step is told of, since each look at the clock is an hour
/// later.</summary>
/// <param name="stage">The stage's name in its run.</param>
/// <param name="after">How many times it is heard before.</param>
internal sealed class StopAfterStep(string stage, int after) : StringWriter(CultureInfo.InvariantCulture)
{
    private readonly CancellationTokenSource _stop = new();
    private int _said;

    public ProgressReporter Progress => field ??= new ProgressReporter(this, terminal: false, color: false, () => 80, new HourlyClock());

    public CancellationToken Token => _stop.Token;

    public override void Write(string? value)
    {
        if (value?.Contains(stage, StringComparison.Ordinal) == true && _said++ >= after)
        {
            _stop.Cancel();
        }
    }

    protected override void Dispose(bool disposing)
    {
        _stop.Dispose();
        base.Dispose(disposing);
    }

    private sealed class HourlyClock : TimeProvider
    {
        private long _hours;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Interlocked.Increment(ref _hours) * 3600;
    }
}
