namespace Rlhf.Tests.Reporting;

internal sealed class ManualClock : TimeProvider
{
    private long milliseconds = 1_000_000;

    public override long TimestampFrequency => 1000;

    public override long GetTimestamp() => milliseconds;

    public void Pass(double seconds) => milliseconds += (long)(seconds * 1000);
}
