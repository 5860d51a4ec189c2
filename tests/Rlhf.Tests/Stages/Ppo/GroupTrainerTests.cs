using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Stages.Ppo;
using Rlhf.Training;

namespace Rlhf.Tests.Stages.Ppo;

/// <summary>The trainer without a value network, on a small model.</summary>
public sealed class GroupTrainerTests
{
    private const int Vocabulary = 60;

    private static readonly PpoOptions Small = new()
    {
        Steps = 2,
        RolloutsPerStep = 16,
        Minibatch = 8,
        MaxNewTokens = 8,
        LearningRate = 1e-3,
        WarmUpSteps = 0,
        Ema = null,
        EvaluateEvery = 0,
        Advantage = AdvantageEstimator.Group,
        RolloutsPerPrompt = 4,
    };

    public static TheoryData<string> Kinds => [.. Options.Keys];

    private static Dictionary<string, PpoOptions> Options => new()
    {
        ["group"] = Small,
        ["batch deviation"] = Small with { Deviation = RewardDeviation.Batch, Aggregation = LossAggregation.Constant },
        ["kl in the loss"] = Small with { Deviation = RewardDeviation.None, KlIn = KlPlace.Loss, KlEstimator = KlEstimator.K3 },
        ["leave one out"] = Small with { Advantage = AdvantageEstimator.LeaveOneOut, Ratio = RatioUnit.AnswerSum, InnerEpochs = 2 },
        ["others"] = Small with { Advantage = AdvantageEstimator.LeaveOneOut, OthersDeviation = true, Surrogate = PolicySurrogate.Soft },
        ["batch"] = Small with { Advantage = AdvantageEstimator.Batch, RolloutsPerPrompt = 1, Aggregation = LossAggregation.Tokens },
        ["baseline"] = Small with { Advantage = AdvantageEstimator.Batch, GroupBaseline = true, EntropyCoefficient = 0.1, DualClip = 2 },
        ["answers"] = Small with { Ratio = RatioUnit.AnswerMean, ClipRange = 3e-4, ClipRangeHigh = 4e-4 },
        ["weights"] = Small with { Surrogate = PolicySurrogate.ClippedWeight, ClipRangeHigh = 0.1, InnerEpochs = 3 },
        ["geometric"] = Small with { Surrogate = PolicySurrogate.GeometricMean, OffPolicySteps = 2, ImportanceOfAnswers = true },
        ["stale"] = Small with { OffPolicySteps = 2, ImportanceExcess = ImportanceExcess.Mask, Overlong = new OverlongOptions() },
        ["equal groups"] = Small with // rewards are one of two numbers
        {
            DropEqualGroups = true,
            RolloutsPerPrompt = 2,
            ScoreNormalization = ScoreNormalization.Running,
            ScoreClip = 1e-6,
            Resamplings = 1,
        },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_step_does_not_depend_on_how_memory_splits_its_batch(string kind)
    {
        var (whole, split) = (Train(Options[kind]).Rows, Train(Options[kind] with { MicroBatchTokens = 40 }).Rows);

        Assert.Equal(2, whole.Count);
        Assert.Equal(whole[0]["score"], split[0]["score"]);
        Assert.Equal(whole[0].GetValueOrDefault("policy_loss"), split[0].GetValueOrDefault("policy_loss"), 1e-4);
        var norm = whole[0].GetValueOrDefault("gradient_norm");
        Assert.Equal(norm, split[0].GetValueOrDefault("gradient_norm"), (1e-3 * norm) + 1e-9);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Training_gives_the_same_bits_for_any_number_of_threads(string kind) =>
        Assert.Equal(Train(Options[kind], threads: 1).Weights, Train(Options[kind], threads: 3).Weights);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void There_is_nothing_of_a_value_network(string kind)
    {
        var (rows, weights, state, _) = Train(Options[kind]);

        Assert.All(rows, row => Assert.DoesNotContain(row.Keys, key => key.Contains("value", StringComparison.Ordinal) || key == "explained_variance"));
        Assert.DoesNotContain(state, key => key.Contains("value", StringComparison.Ordinal));
        Assert.NotEqual(Train(Options[kind] with { Steps = 1 }).Weights, weights);
        Assert.All(rows.Where(row => row.ContainsKey("logprob_difference")), row => Assert.Equal(0, row["logprob_difference"]));
    }

    [Fact]
    public void Two_answers_to_a_prompt_have_the_advantages_of_their_rewards()
    {
        var options = Small with { RolloutsPerPrompt = 2, RolloutsPerStep = 2, Minibatch = 2, KlCoefficient = 0 };
        Train(options, look: trainer =>
        {
            var rollout = trainer.Score(trainer.Sample([[1, 2, 3], [1, 2, 3]], stream: 7));
            var half = (rollout.Rewards[0] - rollout.Rewards[1]) / 2.0;
            var expected = half / ((Math.Sqrt(2) * Math.Abs(half)) + 1e-4);
            Assert.NotEqual(0, half);
            Assert.All(rollout.Advantages[rollout.TokensOf(0, 1)], advantage => Assert.Equal(expected, advantage, 5));
            Assert.All(rollout.Advantages[rollout.TokensOf(1, 2)], advantage => Assert.Equal(-expected, advantage, 5));
        });
    }

    [Fact]
    public void Importance_weights_are_exactly_one_until_the_policy_has_moved()
    {
        var options = Small with { OffPolicySteps = 2, Steps = 1 };
        var (still, moved) = (Train(options with { LearningRate = 1e-30 }).Rows[0], Train(options with { LearningRate = 1e-2 }).Rows[0]);

        Assert.Equal((1, 0), (still["importance_weight"], still["importance_excess"]));
        Assert.NotEqual(1, moved["importance_weight"]);
        Assert.Equal(Train(Small with { Steps = 1, LearningRate = 1e-30 }).Rows[0]["gradient_norm"], still["gradient_norm"], 1e-4);
    }

    [Fact]
    public void Groups_of_equal_rewards_are_left_out_and_more_are_sampled_a_bounded_number_of_times()
    {
        var options = Small with { DropEqualGroups = true, Resamplings = 2, Steps = 1 };
        var (rows, weights, _, sampled) = Train(options, rewards: false);

        Assert.Equal((1, 0, 3 * 16), (rows[0]["equal_groups"], rows[0]["trained_answers"], sampled));
        Assert.False(rows[0].ContainsKey("policy_loss"));
        Assert.Equal(Train(Small with { LearningRate = 1e-30 }).Weights, weights); // no update
        var some = Train(Options["equal groups"]);
        Assert.InRange(some.Rows[0]["equal_groups"], 0.01, 0.99);
        Assert.InRange(some.Rows[0]["sampled_answers"], 17, 32); // one more sampling
        Assert.InRange(some.Rows[0]["trained_answers"], 1, 16);
    }

    [Fact]
    public void Overlong_answers_lose_reward_by_their_length()
    {
        var options = Small with { Overlong = new OverlongOptions { Share = 0.5, Penalty = 2 } };
        Train(options, look: trainer =>
        {
            var rollout = trainer.Score([.. ((int[])[4, 6, 8, 1]).Select(length => new Completion([1, 2, 3], new int[length], new float[length], false))]);
            Assert.Equal(rollout.Scores[0], rollout.Rewards[0]);
            Assert.Equal(rollout.Scores[1] - 1, rollout.Rewards[1], 5); // two of the last four tokens
            Assert.Equal(rollout.Scores[2] - 2, rollout.Rewards[2], 5);
        });
    }

    private static (List<Dictionary<string, double>> Rows, float[] Weights, string[] State, int Sampled) Train(
        PpoOptions options, int threads = 2, bool rewards = true, Action<PpoTrainer>? look = null)
    {
        using var device = CpuDevice.Create(threads);
        var config = DecoderConfig.FromShape(ModelFamilies.Find("llama")!, Vocabulary, 32, 2, 2, 64);
        using var policy = FreshDecoder.Create(device, config, HeadKind.Language, trainable: true);
        using var reference = FreshDecoder.Create(device, config, HeadKind.Language, trainable: false);
        using var reward = FreshDecoder.Create(device, config, HeadKind.Scalar, trainable: false);
        if (rewards)
        {
            device.CopyIn([.. Enumerable.Range(0, 32).Select(i => MathF.Sin(i))], reward.ScalarWeights);
        }

        reference.Freeze();
        reward.Freeze();
        var random = new Random(3);
        int[][] prompts = [.. Enumerable.Range(0, 12).Select(_ => Enumerable.Range(0, random.Next(3, 12)).Select(_ => random.Next(Vocabulary)).ToArray())];
        var host = new RecordingHost();
        using var arena = new Arena(device);
        using var trainer = new PpoTrainer(options, new PpoModels(policy, reference, reward, null, null), prompts, [5], [], 6, host, null, arena);
        look?.Invoke(trainer);
        trainer.Run();
        var weights = new float[policy.Parameters.Length];
        device.CopyOut(policy.Parameters, weights);
        var (buffers, numbers) = (new Dictionary<string, FloatBuffer>(), new Dictionary<string, double>());
        ((ITrainer)trainer).AddTo(buffers, numbers);
        return (host.Rows, weights, [.. buffers.Keys, .. numbers.Keys], (int)host.Rows.Sum(static row => row.GetValueOrDefault("sampled_answers")));
    }
}
