using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

/// <summary>What must hold besides the golden numbers, and the defects of others that must not come back.</summary>
public class PpoPropertyTests
{
    private const double ClipRange = 0.2;

    private static readonly float[] New = [-1.0f, -2.5f, -0.3f, -1.7f, -0.9f];
    private static readonly float[] Old = [-1.1f, -2.0f, -0.9f, -1.6f, -2.4f];
    private static readonly float[] Advantages = [0.7f, -1.2f, 0.4f, 1.1f, -0.6f];

    [Fact]
    public void The_score_stands_at_the_last_token_only()
    {
        var rewards = new float[5];
        Rewards.PerToken(new float[5], [0, 3, 5], [2, -1], 0.1, rewards);
        Assert.Equal([0, 0, 2, 0, -1], rewards);
    }

    [Fact]
    public void Kl_of_a_policy_that_still_is_the_rollout_policy_is_not_zero_if_it_left_the_reference()
    {
        var kl = new float[2];
        KlEstimators.PerToken(KlEstimator.K1, policy: [-1f, -1f], reference: [-3f, -0.5f], kl);
        Assert.Equal([2f, -0.5f], kl);
    }

    [Fact]
    public void Kl_derivatives_are_those_of_the_estimates()
    {
        foreach (var estimator in Enum.GetValues<KlEstimator>())
        {
            var slope = (KlEstimators.Estimate(estimator, -1.2 + 1e-6, -0.7) - KlEstimators.Estimate(estimator, -1.2 - 1e-6, -0.7)) / 2e-6;
            Assert.Equal(slope, KlEstimators.Derivative(estimator, -1.2, -0.7), 6);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1.5)]
    public void The_policy_gradient_is_that_of_the_loss(double? dualClip)
    {
        var gradient = new float[New.Length];
        var statistics = PpoPolicyLoss.Compute(New, Old, Advantages, [], New.Length, ClipRange, dualClip, 0, gradient, out _);
        Golden.IsGradient(
            gradient, New, at => PpoPolicyLoss.Compute(at, Old, Advantages, [], at.Length, ClipRange, dualClip, 0, new float[at.Length], out _).Loss);
        Assert.Equal(dualClip is null ? 0 : 0.2, statistics.DualClipFraction, 12);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(0.2)]
    public void The_value_gradient_is_that_of_the_loss(double? clipRange)
    {
        float[] old = [-1.05f, -2.0f, -0.9f, -1.5f, -1.2f], targets = [0f, -3f, -0.6f, 0.3f, -2f];
        var gradient = new float[New.Length];
        PpoValueLoss.Compute(New, old, targets, clipRange, 0.1, New.Length, gradient);
        Golden.IsGradient(gradient, New, at => 0.1 * PpoValueLoss.Compute(at, old, targets, clipRange, 0.1, at.Length, new float[at.Length]).Loss);
    }

    [Fact]
    public void Dual_clip_bounds_the_loss_of_a_token_with_a_negative_advantage()
    {
        var gradient = new float[1];
        var statistics = PpoPolicyLoss.Compute([0f], [-3f], [-2f], [], 1, ClipRange, 3, 0, gradient, out _);
        Assert.Equal(6, statistics.PolicyLoss, 12);
        Assert.Equal(0, gradient[0]);
    }

    [Fact]
    public void On_the_first_minibatch_the_ratio_is_one_and_nothing_is_clipped()
    {
        var gradient = new float[New.Length];
        var statistics = PpoPolicyLoss.Compute(New, New, Advantages, [], New.Length, ClipRange, null, 0, gradient, out _);
        Assert.Equal((1, 0, 0, 0, 0),
            (statistics.MeanRatio, statistics.ClipFraction, statistics.ApproximateKlK1, statistics.ApproximateKlK3, statistics.LargestLogRatio));
        Assert.Equal(Advantages.Select(a => (float)(-(double)a / New.Length)), gradient);
    }

    [Fact]
    public void Micro_batches_add_up_to_the_minibatch()
    {
        float[] entropies = [1, 2, 3, 4, 5], whole = new float[5], first = new float[2], second = new float[3];
        var all = PpoPolicyLoss.Compute(New, Old, Advantages, entropies, 5, ClipRange, null, 0.3, whole, out _);
        var parts = PpoPolicyLoss.Compute(
            New.AsSpan(0, 2), Old.AsSpan(0, 2), Advantages.AsSpan(0, 2), entropies.AsSpan(0, 2), 5, ClipRange, null, 0.3, first, out _)
            + PpoPolicyLoss.Compute(New.AsSpan(2), Old.AsSpan(2), Advantages.AsSpan(2), entropies.AsSpan(2), 5, ClipRange, null, 0.3, second, out _);
        Assert.Equal(whole, first.Concat(second));
        Assert.Equal(all.Loss, parts.Loss, 12);
        Assert.Equal(all.ApproximateKlK3, parts.ApproximateKlK3, 12);

        var value = PpoValueLoss.Compute(New, Old, Advantages, 0.2, 1, 5, whole);
        var valueParts = PpoValueLoss.Compute(New.AsSpan(0, 2), Old.AsSpan(0, 2), Advantages.AsSpan(0, 2), 0.2, 1, 5, first)
            + PpoValueLoss.Compute(New.AsSpan(2), Old.AsSpan(2), Advantages.AsSpan(2), 0.2, 1, 5, second);
        Assert.Equal(whole, first.Concat(second));
        Assert.Equal(value.Loss, valueParts.Loss, 12);
        Assert.Equal(value.ExplainedVariance!.Value, valueParts.ExplainedVariance!.Value, 12);
    }

    [Fact]
    public void Explained_variance_is_absent_where_all_returns_are_equal() =>
        Assert.Null(PpoValueLoss.Compute([1f, 2f], [1f, 2f], [3f, 3f], null, 1, 2, new float[2]).ExplainedVariance);

    [Fact]
    public void Scores_are_scaled_then_clipped_then_penalised_for_a_missing_end()
    {
        var shaped = new float[3];
        ScoreShaping.Apply([12f, 5f, -5f], [true, false, false], new ScoreScale(2, 2), 3, 1, shaped);
        Assert.Equal([3f, 0.5f, -4f], shaped);
        Assert.Equal(0, ScoreScale.Of(RunningMoments.Of([4f, 4f])).Apply(4));
    }

    [Fact]
    public void Moments_combine_as_if_seen_together()
    {
        var whole = RunningMoments.Of([1e6f, 1e6f + 1, 1e6f + 3, 1e6f + 7]);
        var parts = RunningMoments.Of([1e6f]) + RunningMoments.Of([]) + RunningMoments.Of([1e6f + 1, 1e6f + 3, 1e6f + 7]);
        Assert.Equal(whole.Mean, parts.Mean, 9);
        Assert.Equal(7.1875, whole.Variance, 9);
        Assert.Equal(7.1875, parts.Variance, 9);
    }

    [Fact]
    public void A_row_without_tokens_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Rewards.PerToken(new float[2], [0, 0, 2], [1, 1], 0.1, new float[2]));
        Assert.Throws<ArgumentException>(() => Rewards.PerToken(new float[2], [0, 1], [1], 0.1, new float[2]));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        var (gradient, rankingOptions) = (new float[5], new RankingLossOptions());
        int[] offsets = [0, 2, 5], pairOffsets = [0, 1];
        RankedPair[] pairs = [new(0, 1)];
        void Work()
        {
            PpoPolicyLoss.Compute(New, Old, Advantages, New, 5, ClipRange, 3, 0, gradient, out _);
            PpoValueLoss.Compute(New, Old, Advantages, 0.2, 1, 5, gradient);
            KlEstimators.PerToken(KlEstimator.K3, New, Old, gradient);
            GeneralizedAdvantage.Compute(New, Old, offsets, 1, 0.95, gradient, gradient);
            Whitening.Whiten(New, gradient);
            CrossEntropy.RowMean(New, offsets, 2, gradient);
            RankingLoss.Compute(New, pairs, pairOffsets, [], 1, rankingOptions, gradient);
        }

        Work();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            Work();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
