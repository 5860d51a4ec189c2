using Rlhf.Objectives;

namespace Rlhf.Tests.Objectives;

/// <summary>What must hold of groups besides the golden numbers.</summary>
public class GroupPropertyTests
{
    private static readonly float[] New = [-1.0f, -2.5f, -0.3f, -1.7f, -0.9f];
    private static readonly float[] Old = [-1.1f, -2.0f, -0.9f, -1.6f, -2.4f];
    private static readonly int[] Offsets = [0, 2, 5];

    [Fact]
    public void Two_answers_to_a_prompt_are_compared_as_by_hand()
    {
        var advantages = new float[2];

        // Rewards 1 and 3: mean 2, deviation sqrt((1 + 1) / 1) = 1.41421.
        GroupAdvantages.Normalised([1, 3], 2, advantages);
        Assert.Equal(-1 / (Math.Sqrt(2) + 1e-4), advantages[0], 6);
        Assert.Equal(1 / (Math.Sqrt(2) + 1e-4), advantages[1], 6);
        GroupAdvantages.MeanOnly([1, 3], 2, advantages);
        Assert.Equal([-1f, 1f], advantages);
        GroupAdvantages.LeaveOneOut([1, 3], 2, advantages);
        Assert.Equal([-2f, 2f], advantages);
    }

    [Fact]
    public void A_weight_of_importance_is_exactly_one_where_nothing_is_stale()
    {
        float[] plain = new float[5], weighted = new float[5];
        var options = new GroupLossOptions { Aggregation = LossAggregation.Tokens };
        var one = GroupCases.Compute(New, Old, [], [], Offsets, [1, -1], options, plain);
        foreach (var ofAnswers in (bool[])[false, true])
        {
            var other = GroupCases.Compute(
                New, Old, [], Old, Offsets, [1, -1], options with { ImportanceCap = 2, ImportanceOfAnswers = ofAnswers }, weighted);
            Assert.Equal(plain, weighted);
            Assert.Equal((one.Loss, 1, 0), (other.Loss, other.MeanWeight, other.ExcessFraction));
        }
    }

    [Fact]
    public void The_gradient_of_entropies_is_that_of_the_loss()
    {
        float[] entropies = [1, 2, 3, 4, 5], gradient = new float[5], entropyGradient = new float[5];
        foreach (var aggregation in Enum.GetValues<LossAggregation>())
        {
            var options = new GroupLossOptions { Aggregation = aggregation, EntropyCoefficient = 0.3, MaximumLength = 7 };
            double Loss(float[] at) => GroupLoss.Compute(
                new PolicyAnswers { LogProbabilities = New, OldLogProbabilities = Old, Advantages = New, Offsets = Offsets, Entropies = at },
                new GroupTotals(2, 5), options, gradient, entropyGradient).Loss;
            Loss(entropies);
            Golden.IsGradient([.. entropyGradient], entropies, Loss);
        }
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentException>(() => GroupAdvantages.Normalised([1, 2, 3], 2, new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => GroupAdvantages.LeaveOneOutNormalised([1, 2], 2, new float[2]));
        Assert.Throws<ArgumentException>(() => GroupCases.Compute(
            New, Old, [], [], Offsets, [1, -1], new GroupLossOptions { KlCoefficient = 0.1 }, new float[5]));
        Assert.Throws<ArgumentException>(() => GroupCases.Compute(
            New, Old, [], Old, Offsets, [1, -1], new GroupLossOptions { ImportanceCap = 2, Ratio = RatioUnit.AnswerMean }, new float[5]));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        float[] gradient = new float[5], advantages = [1, 1, -1, -1, -1];
        var plain = new GroupLossOptions { KlCoefficient = 0.1 };
        GroupLossOptions[] all = [.. Enum.GetValues<PolicySurrogate>().Select(surrogate => plain with { Surrogate = surrogate })];
        void Work()
        {
            foreach (var options in all)
            {
                GroupLoss.Compute(
                    new PolicyAnswers
                    {
                        LogProbabilities = New,
                        OldLogProbabilities = Old,
                        ReferenceLogProbabilities = Old,
                        Advantages = advantages,
                        Offsets = Offsets,
                    },
                    new GroupTotals(2, 5), options, gradient);
            }
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
