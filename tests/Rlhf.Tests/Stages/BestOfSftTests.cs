using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Stages;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

public sealed class BestOfSftTests
{
    // Prompt by prompt; the answers of a policy or of SFT.
    private static PolicyEvaluation Answers(double kl, params double[][] scores) => new(
        [.. scores.SelectMany((own, prompt) => own.Select(score => Answer(prompt, score, null, kl)))]);

    private static EvaluatedAnswer Answer(int prompt, double score, GoldVerdict? gold, double kl) =>
        new(prompt, "", new Completion([1], [2], [0], Finished: true), score, null, gold, kl, 0);

    private static GoldVerdict GoldOf(double score) => new(score, FactVerdict.Right, FullSentence: true, Polite: true, Rude: false, []);

    private static StageSummary Summary(FigureTable figures, PolicyEvaluation samples, double kl)
    {
        figures[AnswerMetrics.Kl] = new Figure(kl);
        figures[AnswerMetrics.Score] = new Figure(0);
        return new StageSummary { Name = "03-dpo", Kind = "dpo", Figures = figures, BestOfN = BestOfSft.Points(samples) };
    }

    [Fact]
    public void A_policy_stands_beside_the_best_of_the_n_that_its_KL_is_worth()
    {
        var samples = Answers(0, [1, 2, 3, 6], [0, 0, 4, 4]);
        var kl = BestOfN.KlBound(2) + 0.01;
        var figures = new FigureTable();
        BestOfSft.AddAtEqualKl(figures, samples, Answers(kl, [9, 9], [7, 7]));

        Assert.Equal(2, figures[AnswerMetrics.BestOfAtKl.Key].Value);
        var first = (2 + 3 + 6 + 3 + 6 + 6) / 6.0;
        var second = (0 + (5 * 4)) / 6.0;
        Assert.Equal((first + second) / 2, figures[AnswerMetrics.BestOfAtKlScore.Key].Value, 12);
        Assert.Equal(8 - ((first + second) / 2), figures[AnswerMetrics.GainOverBestOf.Key].Value, 12);
        var sentences = BestOfSft.Sentences(Summary(figures, samples, kl), "DPO in round 2").ToArray();
        Assert.StartsWith("The best of 4 answers of SFT has 5.00", sentences[0], StringComparison.Ordinal);
        Assert.StartsWith("DPO in round 2 is as far from SFT (0.203 nats) as the best of 2 answers of SFT may be, which has 3.83", sentences[1],
            StringComparison.Ordinal);
        Assert.Contains("; DPO in round 2 is above it (+4.17", sentences[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Where_fewer_were_sampled_the_n_stands_alone()
    {
        var samples = Answers(0, [1, 2], [0, 4]);
        var figures = new FigureTable();
        BestOfSft.AddAtEqualKl(figures, samples, Answers(3, [1], [1]));

        Assert.Equal(Math.Round(BestOfN.AtKl(3)), figures[AnswerMetrics.BestOfAtKl.Key].Value);
        Assert.DoesNotContain(AnswerMetrics.BestOfAtKlScore.Key, figures.Keys);
        Assert.EndsWith("which is more than best_of (2) samples.", BestOfSft.Sentences(Summary(figures, samples, 3), "DPO").Last(), StringComparison.Ordinal);
        BestOfSft.AddAtEqualKl(figures, samples, Answers(90, [1], [1]));
        Assert.EndsWith("more than can be sampled.", BestOfSft.Sentences(Summary(figures, samples, 90), "DPO").Last(), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_score_the_gold_rule_chooses()
    {
        var (wrong, right) = (GoldOf(-1), GoldOf(2));
        var samples = new PolicyEvaluation(
            [Answer(0, double.NaN, wrong, 0), Answer(1, double.NaN, wrong, 0), Answer(0, double.NaN, right, 0), Answer(1, double.NaN, wrong, 0)]);
        var points = BestOfSft.Points(samples);

        Assert.Equal([1, 2], points.Select(point => point.N));
        Assert.Equal((2 - 1) / 2.0, points[1].Score, 12);
        Assert.Equal((0.5 - 1) / 2, points[0].Score, 12);
    }
}
