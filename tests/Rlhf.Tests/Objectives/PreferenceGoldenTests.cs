using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

/// <summary>Every number of dpo_ipo.json.</summary>
public class PreferenceGoldenTests
{
    private static readonly Golden File = Golden.Load("dpo_ipo.json");
    private static readonly int[] Chosen = File.Root.Ints("chosen_lengths");
    private static readonly int[] Rejected = File.Root.Ints("rejected_lengths");

    [Theory]
    [InlineData("dpo")]
    [InlineData("dpo_label_smoothing")]
    [InlineData("ipo_sum")]
    [InlineData("ipo_token_mean")]
    public void Loss_and_gradients_are_the_references(string name)
    {
        var expected = File["cases"].GetProperty(name);
        var (statistics, chosen, rejected) = Compute(name, Policy("chosen", Chosen), Policy("rejected", Rejected));
        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Packed("dloss_dpolicy_chosen", Chosen), chosen);
        Golden.Equal(expected.Packed("dloss_dpolicy_rejected", Rejected), rejected);
        if (name == "dpo")
        {
            Golden.Equal(expected.Number("accuracy"), statistics.Accuracy);
            Golden.Equal(expected.Doubles("chosen_rewards").Sum(), statistics.ChosenRewardSum);
            Golden.Equal(expected.Doubles("rejected_rewards").Sum(), statistics.RejectedRewardSum);
            Golden.Equal(expected.Doubles("reward_margins").Average(), statistics.MeanMargin);
        }
    }

    [Theory]
    [InlineData("dpo")]
    [InlineData("dpo_label_smoothing")]
    [InlineData("ipo_sum")]
    [InlineData("ipo_token_mean")]
    public void Each_pair_alone_is_the_references(string name)
    {
        var perPair = File["cases"].GetProperty(name).Doubles("per_pair");
        for (var pair = 0; pair < perPair.Length; pair++)
        {
            Golden.Equal(perPair[pair], Compute(name, Policy("chosen", Chosen), Policy("rejected", Rejected), pair).Statistics.Loss);
        }
    }

    [Fact]
    public void Sums_of_log_ratios_are_the_references()
    {
        foreach (var (side, lengths) in new[] { ("chosen", Chosen), ("rejected", Rejected) })
        {
            var expected = File.Root.Doubles($"sum_logratio_{side}");
            for (var row = 0; row < expected.Length; row++)
            {
                Golden.Equal(expected[row], new LogRatios(Policy(side, lengths), Reference(side, lengths), Golden.Offsets(lengths)).Sum(row));
            }
        }
    }

    [Theory]
    [InlineData("dpo")]
    [InlineData("dpo_label_smoothing")]
    public void Gradients_are_those_of_the_loss(string name)
    {
        var (chosen, rejected) = (Policy("chosen", Chosen), Policy("rejected", Rejected));
        var (_, chosenGradient, rejectedGradient) = Compute(name, chosen, rejected);
        Golden.IsGradient(chosenGradient, chosen, at => Compute(name, at, rejected).Statistics.Loss);
        Golden.IsGradient(rejectedGradient, rejected, at => Compute(name, chosen, at).Statistics.Loss);
    }

    private static float[] Policy(string side, int[] lengths) => File.Root.PackedFloats($"policy_{side}_logprobs", lengths);

    private static float[] Reference(string side, int[] lengths) => File.Root.PackedFloats($"ref_{side}_logprobs", lengths);

    private static (PreferenceStatistics Statistics, float[] Chosen, float[] Rejected) Compute(
        string name, float[] chosenPolicy, float[] rejectedPolicy, int? only = null)
    {
        var (chosenGradient, rejectedGradient) = (Part(chosenPolicy, Chosen, only), Part(rejectedPolicy, Rejected, only));
        var chosen = Side(chosenPolicy, "chosen", Chosen, only);
        var rejected = Side(rejectedPolicy, "rejected", Rejected, only);
        var (tau, beta) = (File.Root.Number("tau"), File.Root.Number("beta"));
        var smoothing = name == "dpo_label_smoothing" ? File["cases"].GetProperty(name).Number("label_smoothing") : 0;
        var statistics = name.StartsWith("ipo", StringComparison.Ordinal)
            ? IpoLoss.Compute(chosen, rejected, tau, name == "ipo_token_mean", chosen.Rows, chosenGradient, rejectedGradient)
            : DpoLoss.Compute(chosen, rejected, beta, smoothing, chosen.Rows, chosenGradient, rejectedGradient);
        return (statistics, chosenGradient, rejectedGradient);
    }

    private static LogRatios Side(float[] policy, string side, int[] lengths, int? only) => new(
        Part(policy, lengths, only), Part(Reference(side, lengths), lengths, only), only is { } row ? [0, lengths[row]] : Golden.Offsets(lengths));

    // A copy of all rows, or of one.
    private static float[] Part(float[] perToken, int[] lengths, int? only)
    {
        var offsets = Golden.Offsets(lengths);
        return only is { } row ? perToken[offsets[row]..offsets[row + 1]] : [.. perToken];
    }
}
