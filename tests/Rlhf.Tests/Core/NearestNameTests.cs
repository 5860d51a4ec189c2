namespace Rlhf.Tests.Core;

public class NearestNameTests
{
    private static readonly string[] Names =
        ["ppo", "sft", "eval", "data", "score", "reward", "doctor", "learning_rate", "rollouts_per_step", "human_assistant"];

    [Theory]
    [InlineData("pp", "ppo")]
    [InlineData("pop", "ppo")]
    [InlineData("stf", "sft")]
    [InlineData("evla", "eval")]
    [InlineData("docter", "doctor")]
    [InlineData("Reward", "reward")]
    [InlineData("learning-rte", "learning_rate")]
    [InlineData("human-assistant", "human_assistant")]
    public void A_slip_of_the_hand_is_understood(string given, string meant) => Assert.Equal(meant, NearestName.Of(given, Names));

    [Theory]
    [InlineData("dpo")]
    [InlineData("rm")]
    [InlineData("core_temperature")]
    [InlineData("")]
    public void Another_word_is_not_taken_for_one_that_is_spelt_alike(string given) =>
        Assert.Null(NearestName.Of(given, Names));
}
