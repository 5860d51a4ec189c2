using Rlhf.Data;
using Rlhf.Stages.Reward;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Reward;

public sealed class HeldOutLabelersTests
{
    [Fact]
    public void Their_rankings_are_evaluated_on_prompts_that_nobody_trains_on_and_left_out_elsewhere()
    {
        List<EncodedRanking> train = [By("ann", "one"), By("eve", "one"), By("eve", "two"), By(null, "three"), By("eve", "three")];
        List<EncodedRanking> heldOut = [By("ann", "four"), By("eve", "four")];
        var labelers = new HeldOutLabelers(HeldOutRule.Of("eve"), train);
        labelers.Apply(train, heldOut);

        Assert.Equal([("ann", "one"), (null, "three")], train.Select(ranking => (ranking.Labeler, ranking.PromptText)));
        Assert.Equal(
            [("ann", "four"), ("eve (held out)", "four"), ("eve (held out)", "two")], heldOut.Select(ranking => (ranking.Labeler!, ranking.PromptText)));
        Assert.Equal(2, labelers.LeftOut);
    }

    [Fact]
    public void A_prompt_that_another_source_trains_on_is_known()
    {
        List<EncodedRanking> first = [By("ann", "one")], second = [By("eve", "one")], none = [];
        var labelers = new HeldOutLabelers(HeldOutRule.Of("eve"), [.. first, .. second]);
        labelers.Apply(second, none);
        Assert.Empty(second);
        Assert.Empty(none);
        Assert.Equal(1, labelers.LeftOut);
    }

    [Fact]
    public void Without_names_nothing_changes()
    {
        List<EncodedRanking> train = [By("ann", "one")], heldOut = [By("eve", "two")];
        new HeldOutLabelers(HeldOutRule.None, train).Apply(train, heldOut);
        Assert.Equal("ann", Assert.Single(train).Labeler);
        Assert.Equal("eve", Assert.Single(heldOut).Labeler);
    }

    [Fact]
    public void A_share_holds_out_labelers_by_hash()
    {
        List<EncodedRanking> train = [.. Enumerable.Range(0, 400).Select(i => By($"labeler {i}", $"prompt {i}"))], heldOut = [];
        new HeldOutLabelers(0.25, train).Apply(train, heldOut);
        Assert.InRange(heldOut.Count, 70, 130);
        Assert.Equal(400, train.Count + heldOut.Count);
        Assert.All(heldOut, ranking => Assert.EndsWith(" (held out)", ranking.Labeler, StringComparison.Ordinal));
    }

    private static EncodedRanking By(string? labeler, string prompt) => new("row", prompt, [], [(0, 1)], [], 1, labeler, null);
}
