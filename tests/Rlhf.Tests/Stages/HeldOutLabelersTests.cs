using Rlhf.Data;
using Rlhf.Stages;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

public sealed class HeldOutLabelersTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly SpillFile _file;

    public HeldOutLabelersTests() => _file = new SpillFile(_folder.PathOf("rows.spill"));

    public void Dispose()
    {
        _file.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Their_rankings_are_evaluated_on_prompts_that_nobody_trains_on_and_left_out_elsewhere()
    {
        var all = Stored(By("ann", "one"), By("eve", "one"), By("eve", "two"), By(null, "three"), By("eve", "three"));
        var labelers = new HeldOutLabelers(HeldOutRule.Of("eve"), all);
        var (train, heldOut) = labelers.Apply(all, Stored(By("ann", "four"), By("eve", "four")));

        Assert.Equal([("ann", "one"), (null, "three")], train.Select(ranking => (ranking.Labeler, ranking.PromptText)));
        Assert.Equal(
            [("ann", "four"), ("eve (held out)", "four"), ("eve (held out)", "two")], heldOut.Select(ranking => (ranking.Labeler!, ranking.PromptText)));
        Assert.Equal(2, labelers.LeftOut);
    }

    [Fact]
    public void A_prompt_that_another_source_trains_on_is_known()
    {
        var (first, second) = (Stored(By("ann", "one")), Stored(By("eve", "one")));
        var labelers = new HeldOutLabelers(HeldOutRule.Of("eve"), [.. first, .. second]);
        var (train, heldOut) = labelers.Apply(second, Stored());
        Assert.Empty(train);
        Assert.Empty(heldOut);
        Assert.Equal(1, labelers.LeftOut);
    }

    [Fact]
    public void Without_names_nothing_changes()
    {
        var all = Stored(By("ann", "one"));
        var (train, heldOut) = new HeldOutLabelers(HeldOutRule.None, all).Apply(all, Stored(By("eve", "two")));
        Assert.Equal("ann", Assert.Single(train).Labeler);
        Assert.Equal("eve", Assert.Single(heldOut).Labeler);
    }

    [Fact]
    public void A_share_holds_out_labelers_by_hash()
    {
        var all = Stored([.. Enumerable.Range(0, 400).Select(i => By($"labeler {i}", $"prompt {i}"))]);
        var (train, heldOut) = new HeldOutLabelers(0.25, all).Apply(all, Stored());
        Assert.InRange(heldOut.Count, 70, 130);
        Assert.Equal(400, train.Count + heldOut.Count);
        Assert.All(heldOut, ranking => Assert.EndsWith(" (held out)", ranking.Labeler, StringComparison.Ordinal));
    }

    private StoredRows<EncodedRanking> Stored(params EncodedRanking[] rankings)
    {
        var rows = new StoredRows<EncodedRanking>(_file, EncodedCodecs.Ranking);
        rows.AddRange(rankings);
        return rows;
    }

    private static EncodedRanking By(string? labeler, string prompt) => new("row", prompt, [], [(0, 1)], [], 1, labeler, null);
}
