using System.Text.Json;
using Rlhf.Objectives;

namespace Rlhf.Tests.Objectives;

/// <summary>Every KTO case of losses.json.</summary>
public class KtoReferenceTests
{
    private static readonly JsonElement File = Golden.Load("losses.json")["kto"];

    public static TheoryData<string> Cases => [.. File.GetProperty("cases").EnumerateObject().Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss_and_gradients_are_the_references(string name)
    {
        var expected = File.GetProperty("cases").GetProperty(name);
        var lengths = File.Ints("lengths");
        var z = ReferencePointOf(expected);
        if (expected.TryGetProperty("z", out var known))
        {
            Golden.Equal(known.GetDouble(), z);
        }

        var allGood = expected.GetProperty("formula").GetString()!.StartsWith("every row desirable", StringComparison.Ordinal);
        bool[] desirable = [.. File.GetProperty("desirable").EnumerateArray().Select(e => allGood || e.GetBoolean())];
        var policy = File.PackedFloats("policy", lengths);
        var gradient = new float[policy.Length];
        var answers = new AnswerLogProbabilities(policy, File.PackedFloats("ref", lengths), Golden.Offsets(lengths));
        double[] weights = [.. lengths.Select(static _ => 1.0)];
        var options = new KtoLossOptions(File.Number("beta"), File.Number("weight_desirable"), File.Number("weight_undesirable"));

        var statistics = KtoLoss.Compute(answers, desirable, weights, z, options, lengths.Length, gradient);

        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Packed("dloss_dpolicy", lengths), gradient);
        if (expected.TryGetProperty("implicit_rewards", out _))
        {
            var rewards = expected.Doubles("implicit_rewards");
            Golden.Equal(rewards.Where((_, i) => desirable[i]).Sum(), statistics.BetterRewardSum);
            Golden.Equal(rewards.Where((_, i) => !desirable[i]).Sum(), statistics.WorseRewardSum);
        }
    }

    [Fact]
    public void A_weight_scales_the_answers_of_its_kind()
    {
        float[] policy = [-1, -2, -1.5f], reference = [-1.2f, -1.8f, -1.5f];
        double LossOf(double good, double bad) => KtoLoss.Compute(
            new AnswerLogProbabilities(policy, reference, [0, 1, 2, 3]), [true, false, false], [1, 1, 1], 0.3, new KtoLossOptions(0.5, good, bad), 3,
            new float[3]).Loss;

        Assert.Equal(LossOf(1, 0) + (2 * LossOf(0, 1)), LossOf(1, 2), 12);
        Assert.NotEqual(LossOf(1, 0), LossOf(0, 1));
    }

    private static double ReferencePointOf(JsonElement one)
    {
        if (!one.TryGetProperty("kl_policy", out _))
        {
            return 0;
        }

        var lengths = File.Ints("mismatched_lengths");
        var offsets = Golden.Offsets(lengths);
        var answers = new AnswerLogProbabilities(one.PackedFloats("kl_policy", lengths), one.PackedFloats("kl_ref", lengths), offsets);
        var ratios = new double[lengths.Length];
        for (var row = 0; row < ratios.Length; row++)
        {
            ratios[row] = answers.Sum(row);
        }

        Golden.Equal(one.Number("kl_before_clamp"), ratios.Average());
        return KtoLoss.ReferencePoint(ratios);
    }
}
