namespace Rlhf.Sampling;

/// <summary>Counts of numbers up to each of some bounds. Safe for use from several threads.</summary>
/// <param name="bounds">The bounds, ascending; above the last one is counted, too.</param>
public sealed class Histogram(IReadOnlyList<double> bounds)
{
    private readonly Lock _gate = new();
    private readonly long[] _counts = new long[bounds.Count + 1];
    private double _sum;

    /// <summary>The bounds, ascending.</summary>
    public IReadOnlyList<double> Bounds => bounds;

    /// <summary>Counts a number.</summary>
    public void Add(double value)
    {
        var place = 0;
        while (place < bounds.Count && value > bounds[place])
        {
            place++;
        }

        lock (_gate)
        {
            _counts[place]++;
            _sum += value;
        }
    }

    /// <summary>How many numbers were at most each bound, how many there were, and their sum.</summary>
    public (IReadOnlyList<long> UpTo, long Count, double Sum) Read()
    {
        lock (_gate)
        {
            var upTo = new long[bounds.Count];
            var count = 0L;
            for (var i = 0; i < upTo.Length; i++)
            {
                upTo[i] = count += _counts[i];
            }

            return (upTo, count + _counts[^1], _sum);
        }
    }
}
