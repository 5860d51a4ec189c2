namespace Rlhf.Grading;

/// <summary>How the numbers of several sources become one reward. w is a source's weight, x its (normalised) number.</summary>
public enum RewardCombination
{
    /// <summary>sum of w x.</summary>
    Sum,

    /// <summary>sum of w x / sum of w.</summary>
    Mean,

    /// <summary>The smallest x: worst-case optimisation of an ensemble (Coste 2023).</summary>
    Minimum,

    /// <summary>mean of x - <c>spread_coefficient</c> times the variance of x over the sources (divided by their number): uncertainty-weighted optimisation of
    /// an ensemble (Coste 2023).</summary>
    MeanMinusSpread,
}

/// <summary>The formulas of <see cref="RewardCombination"/>.</summary>
internal static class RewardCombinations
{
    /// <summary>One reward from a number of each source.</summary>
    /// <param name="combination">How.</param>
    /// <param name="values">[K] the numbers.</param>
    /// <param name="weights">[K] the weights.</param>
    /// <param name="spreadCoefficient">Of <see cref="RewardCombination.MeanMinusSpread"/>.</param>
    public static double Of(RewardCombination combination, ReadOnlySpan<double> values, ReadOnlySpan<double> weights, double spreadCoefficient)
    {
        switch (combination)
        {
            case RewardCombination.Sum:
                return WeightedSum(values, weights);
            case RewardCombination.Mean:
                return WeightedSum(values, weights) / SumOf(weights);
            case RewardCombination.Minimum:
                var least = values[0];
                foreach (var value in values)
                {
                    least = Math.Min(least, value); // hands NaN on
                }

                return least;
            case RewardCombination.MeanMinusSpread:
                var mean = SumOf(values) / values.Length;
                var squares = 0.0;
                foreach (var value in values)
                {
                    squares += (value - mean) * (value - mean);
                }

                return mean - (spreadCoefficient * squares / values.Length);
            default:
                throw new ArgumentOutOfRangeException(nameof(combination), combination, null);
        }
    }

    private static double WeightedSum(ReadOnlySpan<double> values, ReadOnlySpan<double> weights)
    {
        var sum = 0.0;
        for (var i = 0; i < values.Length; i++)
        {
            sum += weights[i] * values[i];
        }

        return sum;
    }

    private static double SumOf(ReadOnlySpan<double> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }
}
