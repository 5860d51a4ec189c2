namespace Rlhf.Objectives;

/// <summary>
/// Whitening over all tokens of a batch together: (x - mean) / sqrt(var + 1e-8), as in Ziegler's code, whose variance divides by N.
/// </summary>
public static class Whitening
{
    private const double Epsilon = 1e-8;

    /// <summary>Whitens the numbers; source and destination may be the same span.</summary>
    /// <param name="values">[N] numbers, at least one.</param>
    /// <param name="destination">[N] whitened numbers.</param>
    /// <param name="keepMean">Adds the mean again afterwards, as Ziegler's code does with rewards.</param>
    /// <param name="unbiased">Divides the variance by N - 1; then at least two numbers are needed.</param>
    /// <returns>The moments before whitening.</returns>
    public static RunningMoments Whiten(ReadOnlySpan<float> values, Span<float> destination, bool keepMean = false, bool unbiased = false)
    {
        PackedRows.CheckDivisor(unbiased ? values.Length - 1 : values.Length, nameof(values));
        PackedRows.CheckLength(values.Length, destination.Length, nameof(destination));
        var moments = RunningMoments.Of(values);
        var factor = 1 / Math.Sqrt((unbiased ? moments.UnbiasedVariance : moments.Variance) + Epsilon);
        var shift = keepMean ? moments.Mean : 0;
        for (var i = 0; i < values.Length; i++)
        {
            destination[i] = (float)((values[i] - moments.Mean) * factor + shift);
        }

        return moments;
    }
}
