using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

/// <summary>The given-number parts of gpt2-tiny/ppo_model.json: from log-probabilities and values to losses and statistics.</summary>
public class PpoModelGoldenTests
{
    [Fact]
    public void From_logprobs_and_values_to_losses_and_statistics()
    {
        var golden = Golden.Load("gpt2-tiny", "ppo_model.json").Root;
        var settings = golden.GetProperty("hyperparameters");
        var lengths = golden.Ints("response_lengths");
        var offsets = Golden.Offsets(lengths);
        var tokens = offsets[^1];
        float[] Row(string name) => golden.PackedFloats(name, lengths);
        float[] kl = new float[tokens], rewards = new float[tokens], advantages = new float[tokens], returns = new float[tokens], gradient = new float[tokens];

        KlEstimators.PerToken(KlEstimator.K1, Row("old_logprobs"), Row("ref_logprobs"), kl);
        Golden.Equal(golden.Number("mean_sequence_kl_k1"), KlEstimators.SequenceMean(kl, offsets));
        Rewards.PerToken(kl, offsets, golden.Floats("scores"), settings.Number("beta"), rewards);
        Golden.Equal(golden.Packed("rewards", lengths), rewards);
        GeneralizedAdvantage.Compute(rewards, Row("old_values"), offsets, settings.Number("gamma"), settings.Number("lam"), advantages, returns);
        Golden.Equal(golden.Packed("advantages", lengths), advantages);
        Golden.Equal(golden.Packed("returns", lengths), returns);
        Whitening.Whiten(advantages, advantages);
        Golden.Equal(golden.Packed("advantages_whitened", lengths), advantages);

        var policy = PpoPolicyLoss.Compute(
            Row("new_logprobs"), Row("old_logprobs"), advantages, [], tokens, settings.Number("cliprange"), null, 0, gradient, out _);
        var value = PpoValueLoss.Compute(
            Row("new_values"), Row("old_values"), returns, settings.Number("cliprange_value"), settings.Number("vf_coef"), tokens, gradient);
        var expected = new Dictionary<string, double?>
        {
            ["pg_loss"] = policy.PolicyLoss,
            ["vf_loss"] = value.Loss,
            ["ppo_loss"] = policy.Loss + settings.Number("vf_coef") * value.Loss,
            ["total_loss"] = policy.Loss + settings.Number("vf_coef") * value.Loss + settings.Number("ptx_coef") * golden.Number("ptx_loss"),
            ["pg_clipfrac"] = policy.ClipFraction,
            ["pg_ratio_outside_frac"] = policy.OutsideFraction,
            ["vf_clipfrac"] = value.ClipFraction,
            ["vf_outside_frac"] = value.OutsideFraction,
            ["approx_kl_k1"] = policy.ApproximateKlK1,
            ["approx_kl_k2_openai"] = policy.ApproximateKlK2,
            ["approx_kl_k3"] = policy.ApproximateKlK3,
            ["ratio_mean"] = policy.MeanRatio,
            ["explained_variance_old_values"] = value.ExplainedVariance,
            ["explained_variance_vpred"] = value.ExplainedVarianceOfNewValues,
            ["var_explained_openai"] = value.ExplainedVarianceOpenAi,
            ["returns_mean"] = value.Returns.Mean,
            ["returns_var_biased"] = value.Returns.Variance,
            ["value_error_mean_sq"] = value.MeanSquaredError,
        };
        foreach (var (name, found) in expected)
        {
            Golden.Equal(golden.Number(name), found, name);
        }
    }
}
