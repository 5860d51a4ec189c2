using Rlhf.Reporting;

namespace Rlhf.Tests.Reporting;

public class HeadlineTests
{
    [Theory]
    [InlineData(0, 0.0, 0.0)]
    [InlineData(0.004, -0.001, 0.0049)]
    [InlineData(-0.004, null, null)]
    public void Scores_that_are_all_equal_did_not_move(double gain, double? low, double? high)
    {
        var sentence = Assert.Single(Headline.Sentences([Ppo(1.5, new Figure(gain) { Low = low, High = high })]));
        Assert.Contains("PPO did not move the held-out score (from 1.50 to 1.50)", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("raised", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("0.00 ", sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.3, 0.1, 0.5, "raised the held-out score by 0.30")]
    [InlineData(-0.3, -0.5, -0.1, "lowered the held-out score by 0.30")]
    [InlineData(0.3, -0.1, 0.7, "did not clearly change")]
    [InlineData(0, -0.4, 0.4, "did not clearly change")]
    public void A_score_that_moved_says_where_to(double gain, double low, double high, string expected) =>
        Assert.Contains(expected, Headline.Sentences([Ppo(1.5, new Figure(gain) { Low = low, High = high })])[0], StringComparison.Ordinal);

    [Theory]
    [InlineData(StageKinds.Sft, 2.5, 2.5, "SFT did not move the held-out loss of")]
    [InlineData(StageKinds.Pretrain, 2.5, 2.1, "Pretraining lowered the held-out loss from")]
    [InlineData(StageKinds.Sft, 2.5, 2.9, "SFT raised the held-out loss from")]
    public void A_held_out_loss_that_is_what_it_was_did_not_move(string kind, double before, double after, string expected) =>
        Assert.StartsWith(expected, Assert.Single(Headline.Sentences([Of(kind, (FigureNames.ValidationLossBefore, new Figure(before)), (FigureNames.ValidationLoss, new Figure(after)))])), StringComparison.Ordinal);

    private static StageSummary Ppo(double before, Figure gain) => Of(
        StageKinds.Ppo, (FigureNames.SftScore, new Figure(before)), (FigureNames.Score, new Figure(before + gain.Value)), (FigureNames.ScoreGain, gain));

    private static StageSummary Of(string kind, params (string Name, Figure Figure)[] figures) => new()
    {
        Name = "01-stage",
        Kind = kind,
        Round = 1,
        Steps = 3,
        Figures = figures.ToDictionary(pair => pair.Name, pair => pair.Figure),
    };
}
