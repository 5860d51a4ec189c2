namespace Rlhf.Tests.Reports;

internal sealed class ManualClock : TimeProvider
{
    private long _milliseconds = 1_000_000;

    public override long TimestampFrequency => 1000;

    public override long GetTimestamp() => _milliseconds;

    public void Pass(double seconds) => _milliseconds += (long)(seconds * 1000);
}
