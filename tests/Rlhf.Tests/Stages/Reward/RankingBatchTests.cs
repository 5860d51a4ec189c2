using Rlhf.Objectives;
using Rlhf.Stages.Reward;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Reward;

public sealed class RankingBatchTests
{
    private static readonly float[] Rewards = [0.4f, -1.2f, 0.9f, 2.1f, -0.3f];

    // Three answers with three pairs, then two answers with one pair.
    private static RankingBatch Batch(double first, double second)
    {
        var batch = new RankingBatch(marginPerRank: 0);
        batch.Add(Ranking([(0, 1), (0, 2), (1, 2)], 3, first));
        batch.Add(Ranking([(1, 0)], 2, second));
        return batch;
    }

    private static EncodedRanking Ranking(IReadOnlyList<(int, int)> pairs, int answers, double weight) => new(
        "row", "prompt", [.. Enumerable.Range(0, answers).Select(i => new EncodedSequence([1, 2 + i], 1, null, "row", false))], pairs, [], weight, null, null);

    private static (double Loss, float[] Gradient) Compute(RankingBatch batch, double divisor)
    {
        var gradient = new float[Rewards.Length];
        return (batch.Compute(Rewards, divisor, new RankingLossOptions(), gradient).Loss, gradient);
    }

    [Fact]
    public void A_weight_scales_its_rankings_part_of_the_loss_and_of_the_gradient_exactly()
    {
        var (first, firstGradient) = Compute(Batch(1, 0), divisor: 1);
        var (second, secondGradient) = Compute(Batch(0, 1), divisor: 1);
        var weighted = Batch(0.5, 2);
        Assert.Equal(2.5, weighted.Divisor(TieRule.Drop));
        // A divisor that is a power of two keeps every number's digits.
        var (loss, gradient) = Compute(weighted, divisor: 4);

        Assert.Equal((0.5 * first / 4) + (2 * second / 4), loss, 15);
        Assert.Equal(firstGradient.Zip(secondGradient, (a, b) => (0.5f * a / 4) + (2 * b / 4)), gradient);
    }

    [Fact]
    public void A_ranking_of_weight_0_changes_nothing()
    {
        var alone = new RankingBatch(marginPerRank: 0);
        alone.Add(Ranking([(0, 1), (0, 2), (1, 2)], 3, 1));
        var gradient = new float[3];
        var loss = alone.Compute(Rewards.AsSpan(0, 3), alone.Divisor(TieRule.Drop), new RankingLossOptions(), gradient).Loss;

        var both = Batch(1, 0);
        var (bothLoss, bothGradient) = Compute(both, both.Divisor(TieRule.Drop));
        Assert.Equal(loss, bothLoss);
        Assert.Equal([.. gradient, 0, 0], bothGradient);
    }
}
