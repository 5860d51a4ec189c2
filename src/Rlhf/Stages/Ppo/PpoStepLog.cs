using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>Where the time of a step went.</summary>
internal sealed class StepSeconds
{
    public double Rollout { get; set; }

    public double Score { get; set; }

    public double Update { get; set; }

    public double Total => Rollout + Score + Update;
}

/// <summary>What a step logs of its sampled answers.</summary>
internal static class PpoStepLog
{
    /// <summary>The metrics.</summary>
    /// <param name="r">The sampled answers.</param>
    /// <param name="score">Their mean score.</param>
    /// <param name="kl">Their mean KL to the reference.</param>
    /// <param name="klCoefficient">Beta.</param>
    /// <param name="seconds">Where the time went.</param>
    public static List<(Metric, double)> ValuesOf(Rollout r, double score, double kl, double klCoefficient, StepSeconds seconds)
    {
        var values = new List<(Metric, double)>
        {
            (AnswerMetrics.Score, score),
            (PpoMetrics.ScoreDeviation, Math.Sqrt(RunningMoments.Of(r.Scores).Variance)),
            (PpoMetrics.RawScore, r.RawScores.Average()),
            (AnswerMetrics.Kl, kl),
            (PpoMetrics.Objective, score - (klCoefficient * kl)),
            (AnswerMetrics.ResponseLength, (double)r.Offsets[^1] / r.Completions.Length),
            (AnswerMetrics.EosShare, r.Completions.Count(static answer => answer.Finished) / (double)r.Completions.Length),
            (AnswerMetrics.DistinctShare, r.Completions.Select(static answer => string.Join(',', answer.Response)).Distinct()
                .Count() / (double)r.Completions.Length),
            (PpoMetrics.KlCoefficient, klCoefficient),
            (TrainingMetrics.TokensPerSecond, r.Offsets[^1] / seconds.Total),
            (AnswerMetrics.SecondsRollout, seconds.Rollout),
            (PpoMetrics.SecondsScore, seconds.Score),
            (AnswerMetrics.SecondsUpdate, seconds.Update),
        };
        if (r.SecondScores.Length > 0)
        {
            values.Add((AnswerMetrics.SecondScore, r.SecondScores.Average()));
        }

        return values;
    }
}
