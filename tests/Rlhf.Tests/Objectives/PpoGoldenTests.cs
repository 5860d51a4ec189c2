using System.Text.Json;
using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

/// <summary>Every number of ppo.json.</summary>
public class PpoGoldenTests
{
    private static readonly Golden File = Golden.Load("ppo.json");
    private static readonly JsonElement Inputs = File["inputs"];
    private static readonly int[] Lengths = File.Root.Ints("lengths");
    private static readonly int[] Offsets = Golden.Offsets(Lengths);
    private static readonly float[] Old = Inputs.PackedFloats("old_logprobs", Lengths);
    private static readonly float[] Reference = Inputs.PackedFloats("ref_logprobs", Lengths);
    private static readonly float[] New = File.Root.PackedFloats("new_logprobs", Lengths);
    private static readonly float[] OldValues = Inputs.PackedFloats("old_values", Lengths);
    private static readonly int Tokens = Offsets[^1];

    [Theory]
    [InlineData(KlEstimator.K1, "k1")]
    [InlineData(KlEstimator.K2, "k2")]
    [InlineData(KlEstimator.K3, "k3")]
    public void Kl_and_rewards_are_the_references(KlEstimator estimator, string name)
    {
        var kl = Kl(estimator);
        Golden.Equal(File["kl"].Packed(name, Lengths), kl);
        Golden.Equal(File["kl"].GetProperty("mean_over_sequences_of_sum").Number(name), KlEstimators.SequenceMean(kl, Offsets));
        Golden.Equal(File["kl"].GetProperty("mean_over_tokens").Number(name), KlEstimators.TokenMean(kl));
        Golden.Equal(File["rewards"].Packed(name, Lengths), RewardsOf(kl));
    }

    [Fact]
    public void Advantages_and_returns_are_the_references_for_every_gamma_and_lambda()
    {
        foreach (var gae in File["gae"].EnumerateObject())
        {
            var (advantages, returns) = Gae(RewardsOf(Kl(KlEstimator.K1)), gae.Value.Number("gamma"), gae.Value.Number("lam"));
            Golden.Equal(gae.Value.Packed("advantages", Lengths), advantages);
            Golden.Equal(gae.Value.Packed("returns", Lengths), returns);
        }
    }

    [Theory]
    [InlineData("biased", false)]
    [InlineData("unbiased", true)]
    public void Whitening_is_the_references(string name, bool unbiased)
    {
        var golden = File["whitening_of_gamma1_lam0.95_advantages"].GetProperty(name);
        var advantages = MainLine().Advantages;
        var whitened = new float[Tokens];
        var moments = Whitening.Whiten(advantages, whitened, unbiased: unbiased);
        Golden.Equal(golden.Number("mean"), moments.Mean);
        Golden.Equal(golden.Number("var"), unbiased ? moments.UnbiasedVariance : moments.Variance);
        Golden.Equal(golden.Packed("whitened", Lengths), whitened);
        Whitening.Whiten(advantages, whitened, keepMean: true, unbiased: unbiased);
        Golden.Equal(golden.Packed("whitened_keep_mean", Lengths), whitened);
    }

    [Fact]
    public void Whitened_rewards_keep_their_mean_and_come_before_the_advantages()
    {
        var golden = File["whiten_rewards_variant"];
        var rewards = RewardsOf(Kl(KlEstimator.K1));
        Whitening.Whiten(rewards, rewards, keepMean: true);
        Golden.Equal(golden.Packed("rewards_whitened_keep_mean_biased", Lengths), rewards);
        var (advantages, returns) = Gae(rewards, 1, 0.95);
        Golden.Equal(golden.Packed("advantages", Lengths), advantages);
        Golden.Equal(golden.Packed("returns", Lengths), returns);
    }

    [Fact]
    public void Policy_loss_gradient_and_statistics_are_the_references()
    {
        var golden = File["ppo"];
        var (statistics, gradient, _) = Policy(0);
        Golden.Equal(golden.Packed("ratio", Lengths), [.. New.Zip(Old, (n, o) => MathF.Exp(n - o))]);
        Golden.Equal(golden.Number("pg_loss"), statistics.PolicyLoss);
        Assert.Equal(golden.Number("pg_clipfrac"), statistics.ClipFraction, 6);
        Assert.Equal(golden.Number("pg_ratio_outside_frac"), statistics.OutsideFraction, 6);
        Golden.Equal(golden.Number("approx_kl_k1"), statistics.ApproximateKlK1);
        Golden.Equal(golden.Number("approx_kl_k2_openai"), statistics.ApproximateKlK2);
        Golden.Equal(golden.Number("approx_kl_k3"), statistics.ApproximateKlK3);
        Golden.Equal(golden.Number("ratio_mean"), statistics.MeanRatio);
        Golden.Equal(golden.Number("entropy_mean"), statistics.Entropy);
        Golden.Equal(New.Zip(Old, (n, o) => Math.Abs((double)n - o)).Max(), statistics.LargestLogRatio);
        Golden.Equal(golden.Packed("dloss_dnew_logprobs", Lengths), gradient);
    }

    [Fact]
    public void Value_loss_gradient_and_statistics_are_the_references()
    {
        var golden = File["ppo"];
        var (statistics, gradient) = Value();
        Golden.Equal(golden.Number("vf_loss"), statistics.Loss);
        Assert.Equal(golden.Number("vf_clipfrac"), statistics.ClipFraction, 6);
        Assert.Equal(golden.Number("vf_outside_frac"), statistics.OutsideFraction, 6);
        Golden.Equal(golden.Number("explained_variance_old_values"), statistics.ExplainedVariance);
        Golden.Equal(golden.Number("explained_variance_vpred"), statistics.ExplainedVarianceOfNewValues);
        Golden.Equal(golden.Number("var_explained_openai"), statistics.ExplainedVarianceOpenAi);
        Golden.Equal(golden.Number("returns_mean"), statistics.Returns.Mean);
        Golden.Equal(golden.Number("returns_var_biased"), statistics.Returns.Variance);
        Golden.Equal(golden.Number("value_error_mean_sq"), statistics.MeanSquaredError);
        Golden.Equal(golden.Packed("dloss_dvpred", Lengths), gradient);
    }

    [Fact]
    public void The_whole_loss_and_its_entropy_bonus_are_the_references()
    {
        var golden = File["ppo"];
        var value = Inputs.Number("vf_coef") * Value().Statistics.Loss;
        Golden.Equal(golden.Number("loss"), Policy(0).Statistics.Loss + value);
        var bonus = golden.GetProperty("entropy_bonus_example");
        Golden.Equal(bonus.Number("loss"), Policy(bonus.Number("ent_coef")).Statistics.Loss + value);
    }

    [Fact]
    public void Gradients_reach_the_logits_as_in_the_reference()
    {
        var golden = File["ppo"];
        int[] actions = [.. Inputs.Packed("actions", Lengths).Select(a => (int)a)];
        var logits = Inputs.PackedVectors("logits", Lengths);
        var expected = golden.PackedVectors("dloss_dlogits", Lengths);
        var expectedEntropy = golden.PackedVectors("dentropy_mean_dlogits", Lengths);
        var gradient = Policy(0).Gradient;
        var entropyGradient = Policy(0.01).EntropyGradient;
        Golden.Equal(-0.01 / Tokens, entropyGradient);
        for (var t = 0; t < Tokens; t++)
        {
            var (p, entropy) = Softmax(logits[t]);
            Golden.Equal(New[t], Math.Log(p[actions[t]]));
            Golden.Equal(File.Root.Packed("entropies", Lengths)[t], entropy);
            for (var v = 0; v < p.Length; v++)
            {
                Golden.Equal(expected[t][v], gradient[t] * ((v == actions[t] ? 1 : 0) - p[v]));
                // The entropy's gradient reaches the logits through dH/dlogit = -p (log p + H); the bonus weighs it by -0.01.
                Golden.Equal(-0.01 * expectedEntropy[t][v], entropyGradient * -p[v] * (Math.Log(p[v]) + entropy));
            }
        }
    }

    [Fact]
    public void Pretraining_loss_is_mixed_in_with_its_coefficient()
    {
        var ptx = File["ptx"];
        int[] lengths = [.. ptx.GetProperty("mask").EnumerateArray().Select(row => (int)row.EnumerateArray().Sum(m => m.GetDouble()))];
        var logits = ptx.PackedVectors("logits", lengths);
        int[] targets = [.. ptx.Packed("targets", lengths).Select(t => (int)t)];
        float[] logProbabilities = [.. logits.Select((l, t) => (float)Math.Log(Softmax(l).P[targets[t]]))];
        var gradient = new float[targets.Length];
        var coefficient = ptx.Number("ptx_coef");

        Golden.Equal(ptx.Number("ptx_loss"), CrossEntropy.TokenMean(logProbabilities, targets.Length, gradient));
        var mixed = CrossEntropy.TokenMean(logProbabilities, targets.Length, gradient, coefficient);
        Golden.Equal(ptx.Number("total_loss"), mixed + Policy(0).Statistics.Loss + Inputs.Number("vf_coef") * Value().Statistics.Loss);
        var expected = ptx.PackedVectors("dtotal_dptx_logits", lengths);
        for (var t = 0; t < targets.Length; t++)
        {
            var p = Softmax(logits[t]).P;
            for (var v = 0; v < p.Length; v++)
            {
                Golden.Equal(expected[t][v], gradient[t] * ((v == targets[t] ? 1 : 0) - p[v]));
            }
        }
    }

    private static float[] Kl(KlEstimator estimator)
    {
        var kl = new float[Tokens];
        KlEstimators.PerToken(estimator, Old, Reference, kl);
        return kl;
    }

    private static float[] RewardsOf(float[] kl)
    {
        var rewards = new float[Tokens];
        Rewards.PerToken(kl, Offsets, Inputs.Floats("scores"), Inputs.Number("beta"), rewards);
        return rewards;
    }

    private static (float[] Advantages, float[] Returns) Gae(float[] rewards, double gamma, double lambda)
    {
        var (advantages, returns) = (new float[Tokens], new float[Tokens]);
        GeneralizedAdvantage.Compute(rewards, OldValues, Offsets, gamma, lambda, advantages, returns);
        return (advantages, returns);
    }

    private static (float[] Advantages, float[] Returns) MainLine() =>
        Gae(RewardsOf(Kl(KlEstimator.K1)), Inputs.Number("gamma"), Inputs.Number("lam"));

    private static (PpoPolicyStatistics Statistics, float[] Gradient, float EntropyGradient) Policy(double entropyCoefficient)
    {
        var advantages = MainLine().Advantages;
        Whitening.Whiten(advantages, advantages);
        var gradient = new float[Tokens];
        var statistics = PpoPolicyLoss.Compute(
            New, Old, advantages, File.Root.PackedFloats("entropies", Lengths), Tokens, Inputs.Number("cliprange"), null, entropyCoefficient, gradient,
            out var entropyGradient);
        return (statistics, gradient, entropyGradient);
    }

    private static (PpoValueStatistics Statistics, float[] Gradient) Value()
    {
        var gradient = new float[Tokens];
        var statistics = PpoValueLoss.Compute(
            Inputs.PackedFloats("vpred", Lengths), OldValues, MainLine().Returns, Inputs.Number("cliprange_value"), Inputs.Number("vf_coef"), Tokens, gradient);
        return (statistics, gradient);
    }

    private static (double[] P, double Entropy) Softmax(double[] logits)
    {
        var largest = logits.Max();
        var sum = logits.Sum(l => Math.Exp(l - largest));
        double[] p = [.. logits.Select(l => Math.Exp(l - largest) / sum)];
        return (p, -p.Sum(x => x * Math.Log(x)));
    }
}
