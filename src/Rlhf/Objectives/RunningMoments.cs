namespace Rlhf.Objectives;

/// <summary>
/// Count, mean and sum of squared deviations of numbers seen so far (Welford 1962); two of them combine exactly as if all numbers
/// had been seen by one (Chan 1979). Three plain numbers, so it survives in a checkpoint.
/// </summary>
/// <param name="Count">How many numbers.</param>
/// <param name="Mean">Their mean; 0 before the first.</param>
/// <param name="SquaredDeviations">Sum of (x - mean)^2.</param>
public readonly record struct RunningMoments(long Count, double Mean, double SquaredDeviations)
{
    /// <summary>Variance, divided by N; 0 before the first number.</summary>
    public double Variance => Count == 0 ? 0 : SquaredDeviations / Count;

    /// <summary>Variance, divided by N - 1; 0 with fewer than two numbers.</summary>
    public double UnbiasedVariance => Count < 2 ? 0 : SquaredDeviations / (Count - 1);

    /// <summary>Moments of the given numbers.</summary>
    public static RunningMoments Of(ReadOnlySpan<float> values)
    {
        var moments = default(RunningMoments);
        foreach (var value in values)
        {
            moments = moments.With(value);
        }

        return moments;
    }

    /// <summary>The moments that <see cref="AddTo"/> put into a checkpoint.</summary>
    public static RunningMoments In(IDictionary<string, double> numbers, string name) =>
        new((long)numbers[name + "_count"], numbers[name + "_mean"], numbers[name + "_squared_deviations"]);

    /// <summary>Adds the moments to the numbers of a checkpoint.</summary>
    public void AddTo(Dictionary<string, double> numbers, string name) =>
        (numbers[name + "_count"], numbers[name + "_mean"], numbers[name + "_squared_deviations"]) = (Count, Mean, SquaredDeviations);

    /// <summary>These moments and one number more.</summary>
    public RunningMoments With(double value)
    {
        var count = Count + 1;
        var step = value - Mean;
        var mean = Mean + step / count;
        return new RunningMoments(count, mean, SquaredDeviations + step * (value - mean));
    }

    /// <summary>The moments of both sets of numbers together.</summary>
    public static RunningMoments operator +(RunningMoments a, RunningMoments b)
    {
        if (a.Count == 0)
        {
            return b;
        }

        if (b.Count == 0)
        {
            return a;
        }

        var count = a.Count + b.Count;
        var step = b.Mean - a.Mean;
        return new RunningMoments(
            count, a.Mean + step * b.Count / count, a.SquaredDeviations + b.SquaredDeviations + step * step * a.Count * b.Count / count);
    }
}
