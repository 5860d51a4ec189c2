using Rlhf.Objectives;
using Rlhf.Stages.Dpo;
using Rlhf.Text.Templates;

namespace Rlhf.Tests.Stages.Dpo;

public sealed class PreferenceRowTests
{
    [Fact]
    public void A_ranking_shares_its_weight_among_its_pairs()
    {
        var row = PreferenceRow.Of(Of(3, [(0, 1), (0, 2), (1, 2)]) with { Weight = 0.6 }, new DpoOptions())!;

        Assert.All(row.Pairs, pair => Assert.Equal(0.2, pair.Weight, 12));
    }

    [Fact]
    public void A_margin_grows_with_the_ranks_between_and_a_rows_own_comes_first()
    {
        var options = new DpoOptions { Margin = 0.5 };

        Assert.Equal([0.5, 1, 0.5], PreferenceRow.Of(Of(3, [(0, 1), (0, 2), (1, 2)]), options)!.Pairs.Select(pair => pair.Offset));
        Assert.Equal([3], PreferenceRow.Of(Of(2, [(0, 1)]) with { Margins = [3] }, options)!.Pairs.Select(pair => pair.Offset));
        Assert.Equal([0], PreferenceRow.Of(Of(2, [(0, 1)]) with { Margins = [3] }, options with { Loss = PreferenceObjective.Ipo })!
            .Pairs.Select(pair => pair.Offset));
    }

    [Fact]
    public void An_order_keeps_its_tiers_and_pairs_that_are_none_are_left_out()
    {
        var options = new DpoOptions { Rankings = RankingForm.PlackettLuce };

        Assert.Equal([1, 0, 1], PreferenceRow.Of(Of(3, [(1, 0), (1, 2)]), options)!.Tiers);
        Assert.Null(PreferenceRow.Of(Of(3, [(0, 1), (1, 2), (2, 0)]), options)); // a circle
        Assert.Null(PreferenceRow.Of(Of(3, [(0, 1), (1, 2)]), options)); // nobody said that 0 beats 2
    }

    [Fact]
    public void Ties_alone_are_no_row() => Assert.Null(PreferenceRow.Of(Of(2, []), new DpoOptions()));

    [Fact]
    public void Kto_splits_a_ranking_into_answers_that_mostly_win_and_that_mostly_lose()
    {
        var row = PreferenceRow.Of(Of(3, [(0, 1), (0, 2), (1, 2)]), new DpoOptions { Loss = PreferenceObjective.Kto })!;

        Assert.Equal([true, false], row.Desirable);
        Assert.Equal([10, 12], row.Answers.Select(answer => answer.Tokens[^1]));
        Assert.Empty(row.Pairs);
    }

    private static EncodedRanking Of(int answers, (int, int)[] pairs) => new(
        "", "", [.. Enumerable.Range(0, answers).Select(i => new EncodedSequence([1, 10 + i], 1, null, "", false))], pairs, [], 1, null, null);
}
