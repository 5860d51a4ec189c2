using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>The best of n answers of a model, for several n from one set of samples.</summary>
internal static class BestOfNPoints
{
    /// <summary>n = 1, 4, 16, ... and the most that there are.</summary>
    /// <param name="evaluation">N answers to each prompt, scored.</param>
    public static BestOfNPoint[] Of(PolicyEvaluation evaluation)
    {
        double[][] scores =
        [
            .. evaluation.Answers.GroupBy(static answer => answer.Prompt).OrderBy(static group => group.Key)
                .Select(static group => group.Select(static answer => answer.Score).ToArray()),
        ];
        var most = scores.Min(static own => own.Length);
        var counts = new List<int>();
        for (long n = 1; n < most; n *= 4)
        {
            counts.Add((int)n);
        }

        return
        [
            .. counts.Append(most).Select(n =>
            {
                var estimate = Intervals.Mean([.. scores.Select(own => BestOfN.Expected(own, n))]);
                return new BestOfNPoint(n, BestOfN.KlBound(n), estimate.Value, estimate.Low, estimate.High);
            }),
        ];
    }
}
