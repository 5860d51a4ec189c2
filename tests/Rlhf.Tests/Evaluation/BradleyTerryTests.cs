using Rlhf.Evaluation;

namespace Rlhf.Tests.Evaluation;

public sealed class BradleyTerryTests
{
    [Fact]
    public void Two_models_differ_by_the_log_odds_of_their_votes()
    {
        var strengths = BradleyTerry.Fit(new double[,] { { 0, 30 }, { 10, 0 } });
        Assert.Equal(Math.Log(3), strengths[0] - strengths[1], 4);
        Assert.Equal(0, strengths.Sum(), 10);
    }

    [Fact]
    public void Expected_wins_are_the_wins_that_were_seen()
    {
        // That is what a maximum of the likelihood is.
        var wins = new double[,] { { 0, 7, 12.5, 3 }, { 5, 0, 8, 9 }, { 2.5, 4, 0, 0 }, { 9, 1, 6, 0 } };
        var strengths = BradleyTerry.Fit(wins);
        for (var i = 0; i < 4; i++)
        {
            var (seen, expected) = (0.0, 0.0);
            for (var j = 0; j < 4; j++)
            {
                seen += wins[i, j];
                expected += i == j ? 0 : (wins[i, j] + wins[j, i]) / (1 + Math.Exp(strengths[j] - strengths[i]));
            }

            Assert.Equal(seen, expected, 3);
        }
    }

    [Fact]
    public void A_model_that_never_lost_has_a_large_and_finite_strength()
    {
        var strengths = BradleyTerry.Fit(new double[,] { { 0, 5 }, { 0, 0 } });
        Assert.InRange(strengths[0] - strengths[1], 5, 30);
    }

    [Fact]
    public void The_interval_is_over_prompts_and_not_over_votes()
    {
        PairVote[] once = [.. Enumerable.Range(0, 40).Select(i => new PairVote($"{i}", 0, 1, i % 4 == 0 ? 0 : 1))];
        PairVote[] often = [.. once.SelectMany(vote => Enumerable.Repeat(vote, 9))];
        var (few, many) = (BradleyTerry.Of(2, once)![0], BradleyTerry.Of(2, often)![0]);
        Assert.Equal(few.Value, many.Value, 3);
        Assert.Equal(few.Low, many.Low, 2);
        Assert.True(few.Low < few.Value && few.Value < few.High);
        Assert.Equal((40, 360), (few.Count, many.Count));
        Assert.Null(BradleyTerry.Of(2, []));
    }
}
