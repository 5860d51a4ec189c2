using Rlhf.Grading;

namespace Rlhf.Tests.Grading;

public sealed class AnswerRewardsTests
{
    private static readonly double[] Values = [1, 4, 1];
    private static readonly double[] Weights = [2, 0.5, 1];

    [Fact]
    public void Numbers_are_combined_as_their_formulas_say()
    {
        double By(RewardCombination combination, double coefficient = 0) => RewardCombinations.Of(combination, Values, Weights, coefficient);
        Assert.Equal(5, By(RewardCombination.Sum), 12);
        Assert.Equal(5 / 3.5, By(RewardCombination.Mean), 12);
        Assert.Equal(1, By(RewardCombination.Minimum), 12);
        Assert.Equal(2, By(RewardCombination.MeanMinusSpread), 12);
        Assert.Equal(2 - (0.5 * 2), By(RewardCombination.MeanMinusSpread, 0.5), 12); // variance (1 + 4 + 1) / 3
        Assert.True(double.IsNaN(RewardCombinations.Of(RewardCombination.Minimum, [1, double.NaN], [1, 1], 0)));
    }

    [Fact]
    public void One_source_of_weight_1_is_handed_on_to_the_bit()
    {
        using var rewards = new AnswerRewards([Source("a", [0.1f, -3.3333333f, 1e-30f])]);
        Assert.Equal([0.1f, -3.3333333f, 1e-30f], rewards.Score(Answers(3), default).Total);
    }

    [Fact]
    public void Scales_are_those_of_samples_or_of_all_answers_so_far_and_survive_a_checkpoint()
    {
        using var rewards = new AnswerRewards(
            [Source("a", [1, 3], RewardNormalization.SftSamples), Source("b", [10, 30], RewardNormalization.Running, 2), Source("c", [5, 5])]);
        Assert.True(rewards.WantsSamples);
        rewards.Measure(Answers(2), default); // mean 2, sd 1
        var learned = rewards.Learn(Answers(2), default); // mean 20, sd 10
        Assert.Equal([-1 - 2 + 5f, 1 + 2 + 5f], learned.Total);
        Assert.Equal([10f, 30f], learned.BySource[1]);

        var numbers = new Dictionary<string, double>();
        rewards.AddTo(numbers);
        Assert.Equal(6, numbers.Count);
        using var resumed = new AnswerRewards(
            [Source("a", [5], RewardNormalization.SftSamples), Source("b", [40], RewardNormalization.Running, 2), Source("c", [5])]);
        resumed.Restored(numbers);
        Assert.Equal([3 + 4 + 5f], resumed.Score(Answers(1), default).Total);
        Assert.Equal([3 + 4 + 5f], resumed.Score(Answers(1), default).Total);
    }

    [Fact]
    public void What_is_wrong_with_a_list_is_told_with_its_place()
    {
        var json = new RewardSourceOptions { Rule = Graded.Rule("json"), Weight = 2 };
        string ErrorsOf(RewardCombination combine, params RewardSourceOptions[] sources)
        {
            var errors = new OptionErrors("ppo", new HashSet<string> { "ppo.combine", "ppo.rewards[0].weight", "ppo.spread_coefficient" });
            RewardList.Validate(new List(sources, combine, 0.1), errors);
            return string.Join('\n', errors.All.Select(error => $"{error.Key}: {error.Message}"));
        }

        Assert.Contains("two sources of one name", ErrorsOf(RewardCombination.Sum, json, json), StringComparison.Ordinal);
        Assert.Contains("ppo.combine: has no effect with fewer than two", ErrorsOf(RewardCombination.Sum, json), StringComparison.Ordinal);
        Assert.Contains("ppo.spread_coefficient: has no effect without combine: mean_minus_spread", ErrorsOf(RewardCombination.Sum, json),
            StringComparison.Ordinal);
        Assert.Contains("ppo.rewards[0].weight: has no effect with combine: minimum",
            ErrorsOf(RewardCombination.Minimum, json, json with { Name = "other", Weight = 1 }), StringComparison.Ordinal);
        Assert.Contains("sum is above 0", ErrorsOf(RewardCombination.Mean, json with { Weight = -1 }), StringComparison.Ordinal);
        Assert.Contains("more than 16", ErrorsOf(RewardCombination.Sum, [.. Enumerable.Range(0, 17).Select(i => json with { Name = $"j{i}" })]),
            StringComparison.Ordinal);
    }

    private static GradedAnswer[] Answers(int count) => [.. Enumerable.Range(0, count).Select(i => Graded.Answer($"{i}"))];

    private static RewardSource Source(string name, float[] numbers, RewardNormalization normalize = RewardNormalization.None, double weight = 1) =>
        new(name, weight, normalize, new Fixed(numbers));

    private sealed record List(IReadOnlyList<RewardSourceOptions> Rewards, RewardCombination Combine, double SpreadCoefficient) : IRewardList;

    private sealed class Fixed(float[] numbers) : IGrader
    {
        public float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) => [.. numbers.Take(answers.Count)];

        public void Dispose()
        {
        }
    }
}
