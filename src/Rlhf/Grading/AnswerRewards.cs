using Rlhf.Objectives;

namespace Rlhf.Grading;

/// <summary>A source of rewards at work.</summary>
/// <param name="Name">Its name in the log.</param>
/// <param name="Weight">Its weight.</param>
/// <param name="Normalize">What is done to its numbers first.</param>
/// <param name="Grader">Gives the numbers.</param>
public sealed record RewardSource(string Name, double Weight, RewardNormalization Normalize, IGrader Grader);

/// <summary>The rewards of a batch of answers.</summary>
/// <param name="Total">[B] the combined rewards.</param>
/// <param name="BySource">For each source [B] its numbers as they are.</param>
public sealed record RewardScores(float[] Total, IReadOnlyList<float[]> BySource)
{
    /// <summary>The same of some of the answers.</summary>
    public RewardScores Of(Range range) => new(Total[range], [.. BySource.Select(numbers => numbers[range])]);
}

/// <summary>Everything that gives answers their rewards, combined. Its moments are part of a run's state.</summary>
/// <param name="sources">The sources, which it owns.</param>
/// <param name="combination">How their numbers become one.</param>
/// <param name="spreadCoefficient">Of <see cref="RewardCombination.MeanMinusSpread"/>.</param>
public sealed class AnswerRewards(IReadOnlyList<RewardSource> sources, RewardCombination combination = RewardCombination.Sum, double spreadCoefficient = 0)
    : IDisposable
{
    private readonly double[] _weights = [.. sources.Select(static source => source.Weight)];
    private readonly RunningMoments[] _moments = new RunningMoments[sources.Count];

    /// <summary>The sources.</summary>
    public IReadOnlyList<RewardSource> Sources => sources;

    /// <summary>Whether a source is measured in the SFT model's samples.</summary>
    public bool WantsSamples => sources.Any(static source => source.Normalize == RewardNormalization.SftSamples);

    /// <summary>Rewards on the present scales, which stay as they are.</summary>
    public RewardScores Score(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) => Combine(Grade(answers, cancellation));

    /// <summary>Rewards of answers that the running scales learn from first.</summary>
    public RewardScores Learn(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) =>
        Combine(Moved(Grade(answers, cancellation), RewardNormalization.Running));

    /// <summary>Measures the scales that are those of samples; the running ones stay.</summary>
    /// <returns>The rewards of the samples on these scales.</returns>
    public RewardScores Measure(IReadOnlyList<GradedAnswer> samples, CancellationToken cancellation) =>
        Combine(Moved(Grade(samples, cancellation), RewardNormalization.SftSamples));

    /// <summary>Adds the scales to a checkpoint.</summary>
    public void AddTo(Dictionary<string, double> numbers)
    {
        foreach (var (i, moments) in _moments.Index().Where(one => sources[one.Index].Normalize != RewardNormalization.None))
        {
            moments.AddTo(numbers, KeyOf(i));
        }
    }

    /// <summary>Takes the scales from a checkpoint.</summary>
    public void Restored(IDictionary<string, double> numbers)
    {
        for (var i = 0; i < _moments.Length; i++)
        {
            if (sources[i].Normalize != RewardNormalization.None)
            {
                _moments[i] = RunningMoments.In(numbers, KeyOf(i));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var source in sources)
        {
            source.Grader.Dispose();
        }
    }

    private float[][] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) =>
        [.. sources.Select(source => source.Grader.Grade(answers, cancellation))];

    private float[][] Moved(float[][] numbers, RewardNormalization which)
    {
        for (var i = 0; i < numbers.Length; i++)
        {
            if (sources[i].Normalize == which)
            {
                _moments[i] += RunningMoments.Of(numbers[i]);
            }
        }

        return numbers;
    }

    private RewardScores Combine(float[][] numbers)
    {
        var total = new float[numbers[0].Length];
        var values = new double[numbers.Length];
        for (var at = 0; at < total.Length; at++)
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = _moments[i].Count == 0 ? numbers[i][at] : ScoreScale.Of(_moments[i]).Apply(numbers[i][at]);
            }

            total[at] = (float)RewardCombinations.Of(combination, values, _weights, spreadCoefficient);
        }

        return new RewardScores(total, numbers);
    }

    private static string KeyOf(int source) => FormattableString.Invariant($"reward_{source}");
}
