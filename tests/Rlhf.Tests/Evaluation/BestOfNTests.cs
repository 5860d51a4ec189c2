using Rlhf.Evaluation;

namespace Rlhf.Tests.Evaluation;

public sealed class BestOfNTests
{
    [Fact]
    public void The_best_of_n_is_the_mean_over_all_subsets()
    {
        double[] scores = [3, 1, 2, 7];
        Assert.Equal(13.0 / 4, BestOfN.Expected(scores, 1), 12);
        Assert.Equal((3 + 3 + 7 + 2 + 7 + 7) / 6.0, BestOfN.Expected(scores, 2), 12);
        Assert.Equal((3 + 7 + 7 + 7) / 4.0, BestOfN.Expected(scores, 3), 12);
        Assert.Equal(7, BestOfN.Expected(scores, 4), 12);
        Assert.Equal([3, 1, 2, 7], scores);
        Assert.Throws<ArgumentOutOfRangeException>(() => BestOfN.Expected(scores, 5));
    }

    [Fact]
    public void It_is_that_of_every_subset_by_count()
    {
        var random = new Random(1);
        for (var round = 0; round < 50; round++)
        {
            double[] scores = [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => Math.Round(random.NextDouble() * 4))]; // with ties
            var n = random.Next(1, scores.Length + 1);
            var best = Enumerable.Range(0, 1 << scores.Length).Where(set => int.PopCount(set) == n)
                .Select(set => scores.Where((_, i) => (set >> i & 1) == 1).Max()).Average();
            Assert.Equal(best, BestOfN.Expected(scores, n), 12);
        }
    }

    [Fact]
    public void The_KL_bound_has_its_known_values()
    {
        Assert.Equal(0, BestOfN.KlBound(1));
        Assert.Equal(Math.Log(4) - 0.75, BestOfN.KlBound(4), 12);
        Assert.Equal(Math.Log(16) - 0.9375, BestOfN.KlBound(16), 12);
    }

    [Fact]
    public void The_n_at_a_KL_is_the_one_whose_bound_it_is()
    {
        foreach (var n in (int[])[1, 2, 3, 16, 1000, 1_000_000])
        {
            Assert.Equal(n, BestOfN.AtKl(BestOfN.KlBound(n)), 1e-6 * n);
        }

        Assert.Equal(1, BestOfN.AtKl(-0.3), 9); // an estimate may be below 0
        Assert.Equal(1e15, BestOfN.AtKl(2000), 1e6);
    }
}
