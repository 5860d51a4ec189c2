using Rlhf.Evaluation;
using Rlhf.World;

namespace Rlhf.Tests.Evaluation;

public sealed class AgreementTests
{
    private static LabelerRanking By(string labeler, params int[][] tiers) => new(labeler, tiers);

    [Fact]
    public void Krippendorffs_published_example_has_the_published_alpha()
    {
        // Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units, ordinal alpha 0.815.
        int?[][] observers =
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, null, null, null],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, null, 3],
            [null, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, null],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, null],
        ];
        var units = Enumerable.Range(0, 12).Select(unit => observers.Select(own => own[unit]).OfType<int>().Select(value => (double)value).ToArray()).ToArray();

        Assert.Equal(0.815, Agreement.OrdinalAlpha(units)!.Value, 0.0005);
    }

    [Fact]
    public void Kendalls_w_is_that_of_a_calculation_by_hand()
    {
        // Ranks 1 2 3 4, 2 1 3 4, 1 3 2 4: sums 4 6 8 12, S = 35; W = 12 * 35 / (9 * 60).
        LabelerRanking[] rankings = [By("a", [0], [1], [2], [3]), By("b", [1], [0], [2], [3]), By("c", [0], [2], [1], [3])];
        Assert.Equal(12.0 * 35 / 540, Agreement.KendallsWOf(rankings)!.Value, 12);

        // Ranks 1.5 1.5 3 and 1 2 3: sums 2.5 3.5 6, S = 6.5; W = 12 * 6.5 / (4 * 24 - 2 * 6).
        Assert.Equal(78.0 / 84, Agreement.KendallsWOf([By("a", [0, 1], [2]), By("b", [0], [1], [2])])!.Value, 12);
    }

    [Fact]
    public void Equal_rankings_agree_wholly_and_opposite_ones_not_at_all()
    {
        LabelerRanking[][] same = [[By("a", [0], [1, 2]), By("b", [0], [2, 1])], [By("a", [1], [0]), By("b", [1], [0])]];
        LabelerRanking[][] opposite = [[By("a", [0], [1], [2]), By("b", [2], [1], [0])], [By("a", [1], [0]), By("b", [0], [1])]];

        Assert.Equal(new Estimate(1, 1, 1, 4), Agreement.Pairwise(same));
        Assert.Equal(1, Agreement.KendallsW(same)!.Value, 12);
        Assert.Equal(1, Agreement.KrippendorffsAlpha(same)!.Value, 12);
        Assert.Equal(new Estimate(0, 0, 0, 4), Agreement.Pairwise(opposite));
        Assert.Equal(0, Agreement.KendallsW(opposite)!.Value, 12);
        Assert.True(Agreement.KrippendorffsAlpha(opposite)!.Value < 0);
    }

    [Fact]
    public void A_tie_against_a_preference_counts_a_half()
    {
        LabelerRanking[][] prompts = [[By("a", [0], [1], [2]), By("b", [0], [1, 2])]];
        Assert.Equal(2.5 / 3, Agreement.Pairwise(prompts)!.Value, 12);
    }

    [Fact]
    public void A_labelers_agreement_is_that_with_the_others()
    {
        LabelerRanking[][] prompts = [[By("a", [0], [1]), By("b", [0], [1]), By("c", [1], [0])]];
        Assert.Equal(0.5, Agreement.Pairwise(prompts, "a")!.Value);
        Assert.Equal(0, Agreement.Pairwise(prompts, "c")!.Value);
        Assert.Equal(1.0 / 3, Agreement.Pairwise(prompts)!.Value, 12);
    }

    [Fact]
    public void Where_nothing_can_be_compared_there_is_no_number()
    {
        LabelerRanking[][] alone = [[By("a", [0], [1])], []];
        LabelerRanking[][] tied = [[By("a", [0, 1]), By("b", [0, 1])]];
        Assert.Null(Agreement.Pairwise(alone));
        Assert.Null(Agreement.KendallsW(alone));
        Assert.Null(Agreement.KrippendorffsAlpha(alone));
        Assert.Null(Agreement.KendallsW(tied));
        Assert.Null(Agreement.KrippendorffsAlpha(tied));
    }

    [Fact]
    public void Random_rankings_agree_by_chance_and_the_interval_holds_it()
    {
        var random = new Random(5);
        int[][] Shuffled()
        {
            int[] order = [0, 1, 2, 3];
            random.Shuffle(order);
            return [.. order.Select(answer => new[] { answer })];
        }

        var prompts = Enumerable.Range(0, 300).Select(_ => new[] { By("a", Shuffled()), By("b", Shuffled()), By("c", Shuffled()) }).ToArray();
        var (pairs, alpha) = (Agreement.Pairwise(prompts)!, Agreement.KrippendorffsAlpha(prompts)!);

        Assert.InRange(0.5, pairs.Low, pairs.High);
        Assert.InRange(0, alpha.Low, alpha.High);
        Assert.InRange(alpha.High - alpha.Low, 0.01, 0.3);
        Assert.Equal((5400, 1200), (pairs.Count, alpha.Count));
    }
}
