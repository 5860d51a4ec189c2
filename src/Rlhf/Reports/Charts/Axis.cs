namespace Rlhf.Reports.Charts;

/// <summary>A linear or logarithmic scale with ticks at round numbers.</summary>
internal sealed record Axis
{
    private Axis(double low, double high, bool log, IReadOnlyList<double> ticks, double distance)
    {
        Low = low;
        High = high;
        Log = log;
        Ticks = ticks;
        Distance = distance;
    }

    public double Low { get; }

    public double High { get; }

    public bool Log { get; }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>Distance of two ticks (linear).</summary>
    public double Distance { get; }

    /// <summary>An axis over all finite values, widened to whole ticks.</summary>
    public static Axis Over(IEnumerable<double> values, int ticks = 5, bool log = false, bool wholeTicks = true)
    {
        var finite = values.Where(value => double.IsFinite(value) && (!log || value > 0)).ToArray();
        var (low, high) = finite.Length == 0 ? (log ? 1.0 : 0.0, log ? 10.0 : 1.0) : (finite.Min(), finite.Max());
        return log ? Logarithmic(low, high) : Linear(low, high, ticks, wholeTicks);
    }

    /// <summary>Place of a value between 0 (low end) and 1 (high end).</summary>
    public double Place(double value) => Log
        ? (Math.Log(Math.Max(value, double.Epsilon)) - Math.Log(Low)) / (Math.Log(High) - Math.Log(Low))
        : (value - Low) / (High - Low);

    public string Text(double tick) => NumberText.Tick(tick, Log ? tick : Distance);

    private static Axis Linear(double low, double high, int ticks, bool wholeTicks)
    {
        if (high - low <= 1e-12 * Math.Max(1, Math.Max(Math.Abs(low), Math.Abs(high))))
        {
            var margin = low == 0 ? 1 : Math.Abs(low) * 0.1;
            (low, high) = (low - (low == 0 ? 0 : margin), high + margin);
        }

        var distance = NiceDistance((high - low) / ticks);
        var (first, last) = wholeTicks
            ? (Math.Floor((low / distance) + 1e-9), Math.Ceiling((high / distance) - 1e-9))
            : (Math.Ceiling((low / distance) - 1e-9), Math.Floor((high / distance) + 1e-9));
        var places = new List<double>();
        for (var i = first; i <= last; i++)
        {
            places.Add(i * distance);
        }

        return wholeTicks ? new Axis(first * distance, last * distance, false, places, distance) : new Axis(low, high, false, places, distance);
    }

    private static Axis Logarithmic(double low, double high)
    {
        var first = (int)Math.Floor(Math.Log10(low) + 1e-9);
        var last = Math.Max(first + 1, (int)Math.Ceiling(Math.Log10(high) - 1e-9));
        var every = Math.Max(1, (last - first + 4) / 5);
        var ticks = new List<double>();
        for (var power = first; power <= last; power += every)
        {
            ticks.Add(Math.Pow(10, power));
        }

        return new Axis(Math.Pow(10, first), Math.Pow(10, last), true, ticks, 0);
    }

    // 1, 2 or 5 times a power of ten, the next above.
    private static double NiceDistance(double atLeast)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(atLeast)));
        var factor = atLeast / power;
        return power * (factor <= 1.0000001 ? 1 : factor <= 2.0000001 ? 2 : factor <= 5.0000001 ? 5 : 10);
    }
}
