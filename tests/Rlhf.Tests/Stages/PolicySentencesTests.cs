using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Stages;

namespace Rlhf.Tests.Stages;

public sealed class PolicySentencesTests
{
    [Theory]
    [InlineData(0.2, 0.9, "A second reward model, which PPO was not trained against, agrees in sign: by it the gain is +0.50 [0.20, 0.90].")]
    [InlineData(-0.9, -0.2, "Warning: a second reward model, which PPO was not trained against, has the answers worse than SFT's, by -0.50 [-0.90, -0.20]:")]
    [InlineData(-0.2, 0.9, "A second reward model, which PPO was not trained against, does not confirm the gain: by it the difference is +0.50 [-0.20, 0.90].")]
    public void A_second_model_confirms_a_gain_or_not(double low, double high, string expected) =>
        Assert.Contains(SentencesOf(gainLow: 0.1, low, high), sentence => sentence.StartsWith(expected, StringComparison.Ordinal));

    [Fact]
    public void Where_there_is_no_clear_gain_nothing_is_confirmed() =>
        Assert.DoesNotContain(SentencesOf(gainLow: -0.1, 0.2, 0.9), sentence => sentence.Contains("second reward model", StringComparison.Ordinal));

    [Fact]
    public void An_alarm_is_a_warning_with_its_step_and_round() => Assert.Equal(
        ["Warning: Answers have grown (step 7 of round 2)."],
        PolicySentences.OfAlarms(Summary([]) with { Alarms = [new Alarm(7, "length", "Answers have grown.")] }, " in round 2"));

    private static IEnumerable<string> SentencesOf(double gainLow, double low, double high) => PolicySentences.Of(Summary(new Dictionary<string, Figure>
    {
        ["score"] = new(1.5),
        ["sft_score"] = new(1),
        ["score_gain"] = new(0.5, gainLow, 0.9),
        ["second_score_gain"] = new(low < 0 && high < 0 ? -0.5 : 0.5, low, high),
    }), "PPO", "");

    private static StageSummary Summary(Dictionary<string, Figure> figures) =>
        new() { Name = "04-ppo", Kind = "ppo", Round = 1, Steps = 1, Figures = figures };
}
