using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>The best of n answers of the SFT model beside a policy: for several n from one set of samples, and for the n of the policy's KL.</summary>
internal static class BestOfSft
{
    /// <summary>Most answers that are sampled to a prompt.</summary>
    public const int Most = 1024;

    /// <summary>Adds what is wrong with a stage's <c>best_of</c>.</summary>
    public static void Validate(int? most, string key, OptionErrors errors) =>
        errors.Require(most is null or (>= 2 and <= Most), key, FormattableString.Invariant($"must be 2 to {Most}, or none"));

    /// <summary>n = 1, 4, 16, ... and the most that there are.</summary>
    /// <param name="samples">N answers of the SFT model to each prompt, judged.</param>
    public static BestOfNPoint[] Points(PolicyEvaluation samples)
    {
        var scores = ByPrompt(samples);
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
                var estimate = Intervals.Mean(Best(scores, n));
                return new BestOfNPoint(n, BestOfN.KlBound(n), estimate.Value, estimate.Low, estimate.High);
            }),
        ];
    }

    /// <summary>Adds the n whose bound is the policy's KL; where there are as many samples, also what its best has and what the policy has more.</summary>
    /// <param name="figures">Where to.</param>
    /// <param name="samples">N answers of the SFT model to each prompt, judged.</param>
    /// <param name="policy">Answers of the policy to the same prompts, judged by the same.</param>
    public static void AddAtEqualKl(FigureTable figures, PolicyEvaluation samples, PolicyEvaluation policy)
    {
        var equal = Math.Round(BestOfN.AtKl(policy.Kl.Value));
        figures[AnswerMetrics.BestOfAtKl] = new Figure(equal);
        var scores = ByPrompt(samples);
        if (equal > scores.Min(static own => own.Length))
        {
            return;
        }

        var best = Best(scores, (int)equal);
        figures[AnswerMetrics.BestOfAtKlScore] = Intervals.Mean(best).ToFigure();
        figures[AnswerMetrics.GainOverBestOf] =
            Intervals.PairedBootstrap([.. ByPrompt(policy).Select(static own => own.Average())], best).ToFigure();
    }

    /// <summary>Says what the best of n of SFT has beside a policy.</summary>
    /// <param name="stage">Its summary.</param>
    /// <param name="policy">What the policy is called: <c>PPO in round 2</c>.</param>
    public static IEnumerable<string> Sentences(StageSummary stage, string policy)
    {
        if (stage.BestOfN is not [.., { } most])
        {
            yield break;
        }

        var by = stage.Of(AnswerMetrics.Score) is null ? " by the gold rule" : "";
        var score = new Figure(most.Score, most.ScoreLow, most.ScoreHigh);
        yield return $"The best of {most.N} answers of SFT{by} has {Text(score)} on the same prompts, at a KL of at most {NumberText.InSentence(most.KlBound)} nats.";
        if (stage.Of(AnswerMetrics.BestOfAtKl) is not { } equal || stage.Of(AnswerMetrics.Kl) is not { } kl)
        {
            yield break;
        }

        var n = NumberText.Short(equal.Value);
        var worth = $"{policy} is as far from SFT ({NumberText.InSentence(kl.Value)} nats) as the best of {n} answers of SFT may be";
        if (stage.Of(AnswerMetrics.BestOfAtKlScore) is not { } best || stage.Of(AnswerMetrics.GainOverBestOf) is not { } gain)
        {
            yield return equal.Value > Most ? $"{worth}, which is more than can be sampled." : $"{worth}, which is more than best_of ({most.N}) samples.";
            yield break;
        }

        var verdict = gain switch
        {
            { Low: > 0 } => "above it",
            { High: < 0 } => "below it: at this KL, sampling and keeping the best gives more",
            _ => "not clearly above or below it",
        };
        yield return $"{worth}, which has {Text(best)}{by}; {policy} is {verdict} ({NumberText.Fixed(gain.Value, sign: true)}{StageReport.Interval(gain)}).";
    }

    private static string Text(Figure figure) => $"{NumberText.Fixed(figure.Value)}{StageReport.Interval(figure)}";

    // By the gold rule where nothing else scores.
    private static double[][] ByPrompt(PolicyEvaluation evaluation) =>
    [
        .. evaluation.Answers.GroupBy(static answer => answer.Prompt).OrderBy(static group => group.Key)
            .Select(static group => group.Select(static answer => double.IsNaN(answer.Score) ? answer.Gold!.Score : answer.Score).ToArray()),
    ];

    private static double[] Best(double[][] scores, int n) => [.. scores.Select(own => BestOfN.Expected(own, n))];
}
