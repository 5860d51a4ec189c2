using System.Text.Json;
using Rlhf.Objectives;
using static Rlhf.Tests.Objectives.GroupCases;

namespace Rlhf.Tests.Objectives;

/// <summary>Everything below <c>policy</c> in losses.json: losses of groups of answers, advantages, KL estimates, the punishment of overlong answers.</summary>
public class GroupReferenceTests
{
    public static TheoryData<string> Cases => [.. Numbers.GetProperty("cases").EnumerateObject().Select(one => one.Name)];

    public static TheoryData<string> Advantages => [.. Numbers.GetProperty("advantages").EnumerateObject().Select(one => one.Name)];

    public static TheoryData<string> Estimators => [.. Numbers.GetProperty("kl").EnumerateObject().Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss_and_gradient_are_the_references(string name)
    {
        var expected = Numbers.GetProperty("cases").GetProperty(name);
        var (options, policy, tokens) = (OptionsOf(name, expected), PolicyOf(expected), AdvantagesOf(name, expected));
        var kept = Kept(expected);
        var (lengths, gradient) = (Lengths, new float[policy.Length]);
        double Loss(float[] at, float[] to) => LossOf(at, tokens, options, kept, to).Loss;

        var statistics = LossOf(policy, tokens, options, kept, gradient);

        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Packed(expected.TryGetProperty("dloss_dclose", out _) ? "dloss_dclose" : "dloss_dnew", lengths), gradient);
        if (options.Surrogate is not (PolicySurrogate.ClippedWeight or PolicySurrogate.CappedWeight) && options.ClipLow is not < 1e-3)
        {
            // Those two hold their weights without a gradient; and a difference is wider than the narrowest range.
            Golden.IsGradient(gradient, policy, at => Loss(at, new float[at.Length]));
        }

        CheckParts(expected, options, statistics, policy, tokens);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Parts_of_a_batch_add_up_to_the_whole(string name)
    {
        var expected = Numbers.GetProperty("cases").GetProperty(name);
        var (options, policy, tokens) = (OptionsOf(name, expected), PolicyOf(expected), AdvantagesOf(name, expected));
        var (whole, parts) = (new float[policy.Length], new float[policy.Length]);
        var all = Rows(policy, tokens, options, 0, Lengths.Length, whole);
        var sum = default(GroupLossStatistics);
        foreach (var (from, to) in ((int, int)[])[(0, 1), (1, 6), (6, Lengths.Length)])
        {
            sum += Rows(policy, tokens, options, from, to, parts);
        }

        Assert.Equal(whole, parts);
        Assert.Equal(all.Loss, sum.Loss, 12);
        Assert.Equal(all.Policy.ClipFraction, sum.Policy.ClipFraction, 12);
    }

    [Theory]
    [MemberData(nameof(Advantages))]
    public void Advantages_are_the_references(string name)
    {
        var expected = Numbers.GetProperty("advantages").GetProperty(name);
        var perToken = expected[0].ValueKind == JsonValueKind.Array;
        Golden.Equal(
            perToken ? Numbers.GetProperty("advantages").Packed(name, Lengths) : Numbers.GetProperty("advantages").Doubles(name), AdvantagesNamed(name));
    }

    [Theory]
    [MemberData(nameof(Estimators))]
    public void Kl_estimates_and_their_gradients_are_the_references(string name)
    {
        var (expected, estimator) = (Numbers.GetProperty("kl").GetProperty(name), Enum.Parse<KlEstimator>(name, ignoreCase: true));
        float[] policy = PackedFloats("new"), reference = PackedFloats("ref"), estimates = new float[policy.Length], gradient = new float[policy.Length];
        KlEstimators.PerToken(estimator, policy, reference, estimates);
        Golden.Equal(expected.Packed("per_token", Lengths), estimates);
        Golden.Equal(expected.Number("token_mean"), KlEstimators.TokenMean(estimates));

        // As a part of the loss, alone: the advantages are 0.
        var options = new GroupLossOptions { KlCoefficient = 1, KlEstimator = estimator, Aggregation = LossAggregation.Tokens };
        var loss = GroupCases.Compute(policy, PackedFloats("old"), reference, [], Offsets, new float[policy.Length], options, gradient).Loss;
        Golden.Equal(expected.Number("token_mean"), loss);
        Golden.Equal(expected.Packed("gradient_of_token_mean", Lengths), gradient);
    }

    [Fact]
    public void Sums_of_kl_are_the_references()
    {
        var (kl, answers, toCome) = (Kl(), new float[Lengths.Length], new float[Offsets[^1]]);
        Rewards.PerAnswer(kl, Offsets, new float[Lengths.Length], -1, answers);
        Golden.Equal(Numbers.Doubles("sequence_kl_k1_old_ref"), answers);
        Rewards.ToCome(kl, Offsets, Numbers.Floats("rewards"), KlCoefficient("reinforce_pp"), toCome);
        Golden.Equal(Numbers.Packed("reward_to_go_with_kl", Lengths), toCome);
    }

    [Fact]
    public void Overlong_answers_are_punished_as_the_reference_does()
    {
        var overlong = Numbers.GetProperty("overlong");
        var (longest, buffer) = (overlong.GetProperty("max_len").GetInt32(), overlong.Number("buffer"));
        Golden.Equal(overlong.Doubles("punishment"), [.. overlong.Ints("lengths").Select(length => (float)ScoreShaping.Overlong(length, longest, buffer))]);
    }

    /// <summary>The loss of the groups that are kept; the others are not in the batch.</summary>
    private static GroupLossStatistics LossOf(float[] policy, float[] advantages, GroupLossOptions options, int[] groups, float[] gradient)
    {
        var totals = new GroupTotals(groups.Length * Group, groups.Sum(g => Lengths[(g * Group)..((g + 1) * Group)].Sum()));
        return groups.Select(g => Rows(policy, advantages, options, g * Group, (g + 1) * Group, gradient, totals)).Aggregate((a, b) => a + b);
    }

    private static int[] Kept(JsonElement one)
    {
        var all = Enumerable.Range(0, Lengths.Length / Group).ToArray();
        if (!one.TryGetProperty("groups_kept", out var kept))
        {
            return all;
        }

        // As the trainer takes them: those whose rewards differ.
        var rewards = Numbers.Floats("rewards");
        int[] differ = [.. all.Where(g => rewards[(g * Group)..((g + 1) * Group)].Distinct().Count() > 1)];
        Assert.Equal(all.Where(g => kept[g].GetBoolean()), differ);
        return differ;
    }

    private static void CheckParts(JsonElement expected, GroupLossOptions options, GroupLossStatistics statistics, float[] policy, float[] advantages)
    {
        if (expected.TryGetProperty("clip_fraction_low", out var low))
        {
            Assert.Equal(low.GetDouble(), statistics.Policy.ClipFractionLow, 6);
            Assert.Equal(expected.Number("clip_fraction_high"), statistics.Policy.ClipFractionHigh, 6);
        }

        if (expected.TryGetProperty("tokens_at_the_cap", out var capped))
        {
            Assert.Equal(capped.GetDouble() / Offsets[^1], statistics.Policy.DualClipFraction, 6);
        }

        if (expected.TryGetProperty("clipped", out var clipped))
        {
            for (var row = 0; row < Lengths.Length; row++)
            {
                Assert.Equal(clipped[row].GetBoolean(), Rows(policy, advantages, options, row, row + 1, new float[policy.Length]).Policy.ClipFraction > 0);
            }
        }

        if (expected.TryGetProperty("weights", out var weights))
        {
            var tokens = weights[0].ValueKind == JsonValueKind.Array ? expected.Packed("weights", Lengths) : [.. PerToken(expected.Floats("weights"), Offsets)];
            Golden.Equal(tokens.Average(), statistics.MeanWeight);
            var cap = expected.Number("C");
            Assert.Equal(tokens.Count(weight => weight == cap || weight == 0) / (double)tokens.Length, statistics.ExcessFraction, 6);
        }
    }
}
