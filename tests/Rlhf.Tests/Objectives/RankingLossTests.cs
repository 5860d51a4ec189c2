using System.Text.Json;
using Rlhf.Objectives;
using Rlhf.World;

namespace Rlhf.Tests.Objectives;

public class RankingLossTests
{
    [Fact]
    public void Loss_and_gradient_are_the_references_for_every_K()
    {
        foreach (var ranking in Golden.Load("reward_losses.json")["ranking"].EnumerateArray())
        {
            var pairs = Pairs(ranking.Ints("ranks"));
            Assert.Equal(ranking.GetProperty("n_pairs").GetInt32(), pairs.Length);
            var (statistics, gradient) = Loss(ranking.Floats("rewards"), pairs, [0, pairs.Length]);
            Golden.Equal(ranking.Number("loss"), statistics.Loss);
            Golden.Equal(ranking.Doubles("drewards"), gradient);
        }
    }

    [Fact]
    public void Differences_up_to_60_neither_underflow_nor_overflow()
    {
        foreach (var extreme in Golden.Load("reward_losses.json")["extreme_differences"].EnumerateArray())
        {
            var (statistics, gradient) = Loss([(float)extreme.Number("r_w_minus_r_l"), 0], [new RankedPair(0, 1)], [0, 1]);
            var loss = extreme.Number("loss");
            Assert.Equal(loss, statistics.Loss, Math.Abs(loss) * 1e-6);
            var expected = extreme.Doubles("drewards");
            Assert.Equal(expected[0], gradient[0], Math.Abs(expected[0]) * 1e-6);
            Assert.Equal(expected[1], gradient[1], Math.Abs(expected[1]) * 1e-6);
        }
    }

    [Fact]
    public void Log_sigmoid_is_finite_where_the_naive_form_gives_minus_infinity()
    {
        Assert.Equal(-1000, Logistic.LogSigmoid(-1000));
        Assert.Equal(0, Logistic.LogSigmoid(1000));
        Assert.Equal(-8.75651076269652e-27, Logistic.LogSigmoid(60), 1e-36);
        Assert.True(Logistic.Sigmoid(-700) > 0);
    }

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void A_batch_of_prompts_is_the_mean_over_prompts_of_the_mean_over_pairs(string model)
    {
        var golden = Golden.Load(model, "reward.json");
        var expected = golden["instructgpt"];
        var (pairs, offsets) = Prompts(golden["ranks"], 0);
        Assert.Equal(ExpectedPairs(expected), pairs.Select(p => (p.Winner, p.Loser)));

        var (statistics, gradient) = Loss(golden.Root.Floats("rewards"), pairs, offsets);
        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Number("pair_accuracy"), statistics.Accuracy);
        Golden.Equal(expected.Doubles("drewards"), gradient);

        var perPrompt = expected.Doubles("per_prompt_loss");
        for (var p = 0; p < perPrompt.Length; p++)
        {
            Golden.Equal(
                perPrompt[p], Loss(golden.Root.Floats("rewards"), pairs[offsets[p]..offsets[p + 1]], [0, offsets[p + 1] - offsets[p]]).Statistics.Loss);
        }
    }

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    public void Margins_are_taken_off_the_difference(string model)
    {
        var golden = Golden.Load(model, "reward.json");
        var (pairs, offsets) = Prompts(golden["ranks"], 0.3f);
        var margins = golden["margin"].GetProperty("margins_per_pair").EnumerateArray().SelectMany(p => p.EnumerateArray().Select(m => m.GetDouble()));
        Golden.Equal([.. margins], [.. pairs.Select(p => p.Margin)]);

        var (statistics, gradient) = Loss(golden.Root.Floats("rewards"), pairs, offsets);
        Golden.Equal(golden["margin"].Number("loss"), statistics.Loss);
        Golden.Equal(golden["margin"].Doubles("drewards"), gradient);
    }

    [Theory]
    [InlineData("gpt2-tiny", "dropped", TieRule.Drop)]
    [InlineData("gpt2-tiny", "dropped_pooled", TieRule.DropPooled)]
    [InlineData("gpt2-tiny", "half", TieRule.Half)]
    [InlineData("llama-tiny", "dropped", TieRule.Drop)]
    [InlineData("llama-tiny", "dropped_pooled", TieRule.DropPooled)]
    [InlineData("llama-tiny", "half", TieRule.Half)]
    public void Ties_follow_the_rule(string model, string name, TieRule rule)
    {
        var golden = Golden.Load(model, "reward.json");
        var ties = golden["ties"];
        var (pairs, offsets) = Prompts(ties.GetProperty("ranks"), 0);
        Assert.Equal(ExpectedPairs(ties), pairs.Where(p => !p.IsTie).Select(p => (p.Winner, p.Loser)));

        var (statistics, gradient) = Loss(golden.Root.Floats("rewards"), pairs, offsets, new RankingLossOptions { Ties = rule });
        Golden.Equal(ties.GetProperty(name).Number("loss"), statistics.Loss);
        Golden.Equal(ties.GetProperty(name).Doubles("drewards"), gradient);
    }

    [Theory]
    [InlineData(TieRule.Drop)]
    [InlineData(TieRule.DropPooled)]
    [InlineData(TieRule.Half)]
    public void The_gradient_is_that_of_the_loss_with_every_option_on(TieRule rule)
    {
        var (pairs, offsets) = Batch();
        var options = new RankingLossOptions { Ties = rule, LabelSmoothing = 0.1, Centering = 0.05 };
        float[] rewards = [0.4f, -1.2f, 0.9f, 2.1f, -0.3f, 0.8f, 0.1f];
        Golden.IsGradient(
            Loss(rewards, pairs, offsets, options, [1, 2.5f]).Gradient, rewards, at => Loss(at, pairs, offsets, options, [1, 2.5f]).Statistics.Loss);
    }

    [Theory]
    [InlineData(TieRule.Drop)]
    [InlineData(TieRule.DropPooled)]
    [InlineData(TieRule.Half)]
    public void Prompts_apart_add_up_to_the_batch(TieRule rule)
    {
        var (pairs, offsets) = Batch();
        var options = new RankingLossOptions { Ties = rule, LabelSmoothing = 0.1, Centering = 0.05 };
        float[] rewards = [0.4f, -1.2f, 0.9f, 2.1f, -0.3f, 0.8f, 0.1f], weights = [1, 2.5f];
        var (whole, gradient) = Loss(rewards, pairs, offsets, options, weights);

        var divisor = RankingLoss.Divisor(pairs, offsets, weights, rule);
        var sum = default(RankingStatistics);
        var added = new float[rewards.Length];
        for (var p = 0; p < 2; p++)
        {
            var part = new float[rewards.Length];
            sum += RankingLoss.Compute(
                rewards, pairs.AsSpan(offsets[p]..offsets[p + 1]), [0, offsets[p + 1] - offsets[p]], [weights[p]], divisor, options, part);
            for (var i = 0; i < part.Length; i++)
            {
                added[i] += part[i];
            }
        }

        Assert.Equal(whole.Loss, sum.Loss, 12);
        Assert.Equal((whole.Pairs, whole.Prompts, whole.Correct), (sum.Pairs, sum.Prompts, sum.Correct));
        Assert.Equal(gradient, added);
    }

    [Fact]
    public void The_centering_penalty_is_the_mean_of_the_squared_sum()
    {
        var (statistics, _) = Loss([1, 2], [new RankedPair(0, 1)], [0, 1], new RankingLossOptions { Centering = 0.01 });
        Assert.Equal(0.01 * 9, statistics.CenteringPenalty, 12);
        Assert.Equal(-Logistic.LogSigmoid(-1) + 0.09, statistics.Loss, 12);
    }

    [Fact]
    public void A_prompt_whose_pairs_are_all_ties_is_not_counted()
    {
        RankedPair[] pairs = [new(0, 1), new(2, 3, IsTie: true)];
        var (both, _) = Loss([1, 0, 5, 9], pairs, [0, 1, 2]);
        var (one, _) = Loss([1, 0, 5, 9], pairs[..1], [0, 1]);
        Assert.Equal(one.Loss, both.Loss);
        Assert.Equal(1, both.Prompts);
    }

    [Fact]
    public void Equal_rewards_count_half_in_the_accuracy() =>
        Assert.Equal(0.75, Loss([1, 1, 0], [new RankedPair(0, 1), new RankedPair(0, 2)], [0, 2]).Statistics.Accuracy);

    [Fact]
    public void The_bias_makes_demonstrations_score_zero_on_average()
    {
        var golden = Golden.Load("reward_losses.json")["bias_normalisation"];
        var rewards = golden.Floats("demonstration_rewards");
        var bias = BiasNormalisation.BiasToAdd(rewards);
        Golden.Equal(golden.Number("bias_to_add"), bias);
        Golden.Equal(golden.Doubles("normalised"), [.. rewards.Select(r => (float)(r + bias))]);
    }

    private static (RankedPair[], int[]) Batch()
    {
        var first = Pairs([1, 0, 1]);
        var second = new RankedPair[6];
        RankedPair.FromRanks([0, 0, 2, 1], 3, 0.2f, second);
        return ([.. first, .. second], [0, 3, 9]);
    }

    private static RankedPair[] Pairs(int[] ranks, int first = 0, float marginPerRank = 0)
    {
        var pairs = new RankedPair[RankedPair.Count(ranks.Length)];
        RankedPair.FromRanks(ranks, first, marginPerRank, pairs);
        return pairs;
    }

    private static (RankedPair[] Pairs, int[] Offsets) Prompts(JsonElement ranks, float marginPerRank)
    {
        var pairs = new List<RankedPair>();
        var offsets = new List<int> { 0 };
        var first = 0;
        foreach (var prompt in ranks.EnumerateArray())
        {
            int[] own = [.. prompt.EnumerateArray().Select(e => e.GetInt32())];
            pairs.AddRange(Pairs(own, first, marginPerRank));
            offsets.Add(pairs.Count);
            first += own.Length;
        }

        return ([.. pairs], [.. offsets]);
    }

    // The fixture numbers a prompt's answers from 0; the prompts here have 4 each.
    private static IEnumerable<(int, int)> ExpectedPairs(JsonElement element) => element.GetProperty("pairs_winner_loser").EnumerateArray()
        .SelectMany((prompt, p) => prompt.EnumerateArray().Select(pair => (4 * p + pair[0].GetInt32(), 4 * p + pair[1].GetInt32())));

    private static (RankingStatistics Statistics, float[] Gradient) Loss(
        float[] rewards, RankedPair[] pairs, int[] offsets, RankingLossOptions? options = null, float[]? weights = null)
    {
        options ??= new RankingLossOptions();
        var gradient = new float[rewards.Length];
        var divisor = RankingLoss.Divisor(pairs, offsets, weights, options.Ties);
        return (RankingLoss.Compute(rewards, pairs, offsets, weights, divisor, options, gradient), gradient);
    }
}
