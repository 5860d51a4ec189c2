using System.Text.Json;
using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

/// <summary>Every number of grpo.json and rloo.json.</summary>
public class GroupGoldenTests
{
    private static readonly JsonElement Grpo = Golden.Load("grpo.json").Root;
    private static readonly JsonElement Rloo = Golden.Load("rloo.json").Root;

    [Fact]
    public void Group_advantages_are_the_references()
    {
        var rewards = Grpo.Floats("rewards");
        var size = Grpo.GetProperty("G").GetInt32();
        var (advantages, expected) = (new float[rewards.Length], Grpo.GetProperty("advantages"));
        for (var g = 0; g < Grpo.GetProperty("groups").GetInt32(); g++)
        {
            var moments = RunningMoments.Of(rewards.AsSpan(g * size, size));
            Golden.Equal(Grpo.Doubles("group_mean")[g], moments.Mean);
            Golden.Equal(Grpo.Doubles("group_std_unbiased")[g], Math.Sqrt(moments.UnbiasedVariance));
            Golden.Equal(Grpo.Doubles("group_std_biased")[g], Math.Sqrt(moments.Variance));
        }

        GroupAdvantages.Normalised(rewards, size, advantages);
        Golden.Equal(expected.Doubles("std_unbiased_eps1e-4"), advantages);
        GroupAdvantages.Normalised(rewards, size, advantages, biased: true);
        Golden.Equal(expected.Doubles("std_biased_eps1e-4"), advantages);
        GroupAdvantages.MeanOnly(rewards, size, advantages);
        Golden.Equal(expected.Doubles("mean_only"), advantages);
    }

    [Fact]
    public void A_group_of_equal_rewards_has_advantages_of_exactly_zero()
    {
        var advantages = new float[3];
        GroupAdvantages.Normalised([-1.2197f, -1.2197f, -1.2197f], 3, advantages);
        Assert.Equal([0, 0, 0], advantages);
    }

    [Theory]
    [InlineData("grpo_sequence_mean", LossAggregation.Answers)]
    [InlineData("token_mean", LossAggregation.Tokens)]
    [InlineData("dr_grpo", LossAggregation.Constant)]
    public void Grpo_loss_and_gradient_are_the_references(string name, LossAggregation aggregation)
    {
        var (lengths, expected) = (Grpo.Ints("lengths"), Grpo.GetProperty("cases").GetProperty(name));
        var (offsets, policy) = (Golden.Offsets(lengths), Grpo.PackedFloats("new_logprobs", lengths));
        var advantages = Grpo.GetProperty("advantages").Floats(aggregation == LossAggregation.Constant ? "mean_only" : "std_unbiased_eps1e-4");
        var options = new GroupLossOptions
        {
            ClipLow = Grpo.Number("clip_eps"),
            ClipHigh = Grpo.Number("clip_eps"),
            KlCoefficient = Grpo.Number("beta"),
            Aggregation = aggregation,
            MaximumLength = Grpo.GetProperty("max_len").GetInt32(),
        };
        float[] old = Grpo.PackedFloats("old_logprobs", lengths), reference = Grpo.PackedFloats("ref_logprobs", lengths);
        GroupLossStatistics Loss(float[] at, float[] gradient) => GroupCases.Compute(at, old, reference, [], offsets, advantages, options, gradient);

        var gradient = new float[policy.Length];
        var statistics = Loss(policy, gradient);
        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Packed("dloss_dnew_logprobs", lengths), gradient);
        Golden.IsGradient(gradient, policy, at => Loss(at, new float[at.Length]).Loss);
        Golden.Equal(Grpo.Number("mean_kl_tokens"), statistics.KlSum / statistics.Policy.Tokens);
        Assert.Equal(Grpo.Number("clip_fraction_low"), statistics.Policy.ClipFractionLow, 6);
        Assert.Equal(Grpo.Number("clip_fraction_high"), statistics.Policy.ClipFractionHigh, 6);
    }

    [Fact]
    public void Grpo_token_losses_are_the_references()
    {
        var lengths = Grpo.Ints("lengths");
        var expected = Grpo.Packed("per_token_loss_std_unbiased", lengths);
        var kl = Grpo.Packed("kl_k3", lengths);
        var advantages = Grpo.GetProperty("advantages").Floats("std_unbiased_eps1e-4");
        float[] policy = Grpo.PackedFloats("new_logprobs", lengths), old =
            Grpo.PackedFloats("old_logprobs", lengths), reference = Grpo.PackedFloats("ref_logprobs", lengths);
        var ratios = Grpo.Packed("ratio", lengths);
        var t = 0;
        for (var row = 0; row < lengths.Length; row++)
        {
            for (var i = 0; i < lengths[row]; i++, t++)
            {
                var one = GroupCases.Compute(
                    policy[t..(t + 1)], old[t..(t + 1)], reference[t..(t + 1)], [], [0, 1], [advantages[row]], new GroupLossOptions { KlCoefficient = 0.04 },
                    new float[1]);
                Golden.Equal(expected[t], one.Loss);
                Golden.Equal(kl[t], one.KlSum);
                Golden.Equal(ratios[t], Math.Exp((double)policy[t] - old[t]));
            }
        }
    }

    [Fact]
    public void Leave_one_out_advantages_are_the_references()
    {
        var (lengths, size) = (Rloo.Ints("lengths"), Rloo.GetProperty("G").GetInt32());
        var rewards = Rloo.Floats("rewards");
        var (expected, advantages) = (Rloo.GetProperty("advantages"), new float[rewards.Length]);
        GroupAdvantages.LeaveOneOut(rewards, size, advantages);
        Golden.Equal(expected.Doubles("loo_no_kl"), advantages);

        var (offsets, penalised) = (Golden.Offsets(lengths), new float[rewards.Length]);
        var kl = new float[offsets[^1]];
        KlEstimators.PerToken(KlEstimator.K1, Rloo.PackedFloats("old_logprobs", lengths), Rloo.PackedFloats("ref_logprobs", lengths), kl);
        for (var row = 0; row < lengths.Length; row++)
        {
            Golden.Equal(Rloo.Doubles("sequence_kl_k1")[row], kl[offsets[row]..offsets[row + 1]].Sum(k => (double)k));
        }

        Rewards.PerAnswer(kl, offsets, rewards, Rloo.Number("beta"), penalised);
        Golden.Equal(Rloo.Doubles("rewards_minus_beta_kl"), penalised);
        GroupAdvantages.LeaveOneOut(penalised, size, advantages);
        Golden.Equal(expected.Doubles("loo_with_kl"), advantages);

        var moments = RunningMoments.Of(advantages);
        var deviation = Math.Sqrt(moments.UnbiasedVariance) + 1e-4;
        Golden.Equal(expected.Doubles("loo_with_kl_normalised_unbiased_eps1e-4"), [.. advantages.Select(a => (float)((a - moments.Mean) / deviation))]);
    }

    [Fact]
    public void Rloo_losses_and_gradients_are_the_references()
    {
        var lengths = Rloo.Ints("lengths");
        var offsets = Golden.Offsets(lengths);
        float[] policy = Rloo.PackedFloats("new_logprobs", lengths), old = Rloo.PackedFloats("old_logprobs", lengths), gradient = new float[policy.Length];
        var advantages = Rloo.GetProperty("advantages").Floats("loo_with_kl");
        for (var row = 0; row < lengths.Length; row++)
        {
            var (from, to) = (offsets[row], offsets[row + 1]);
            Golden.Equal(Rloo.Doubles("sequence_ratio")[row], Math.Exp(policy[from..to].Sum(p => (double)p) - old[from..to].Sum(p => (double)p)));
        }

        var plain = new GroupLossOptions { Surrogate = PolicySurrogate.Reinforce, Ratio = RatioUnit.AnswerSum };
        Check("reinforce", plain);
        Check("clipped_sequence_ratio", plain with { Surrogate = PolicySurrogate.Clip, ClipLow = Rloo.Number("clip_eps"), ClipHigh = Rloo.Number("clip_eps") });

        void Check(string name, GroupLossOptions options)
        {
            double Loss(float[] at, float[] to) => GroupCases.Compute(at, old, [], [], offsets, advantages, options, to).Loss;
            var expected = Rloo.GetProperty("cases").GetProperty(name);
            Golden.Equal(expected.Number("loss"), Loss(policy, gradient));
            Golden.Equal(expected.Packed("dloss_dnew_logprobs", lengths), gradient);
            Golden.IsGradient(gradient, policy, at => Loss(at, new float[at.Length]));
        }
    }
}
