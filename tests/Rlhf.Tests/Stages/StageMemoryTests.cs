using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Sampling;
using Rlhf.Stages;
using Rlhf.Stages.Distill;
using Rlhf.Stages.Dpo;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;
using Rlhf.Text.Templates;
using Rlhf.Training;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

/// <summary>What is planned beside what trainers hold on the device that computes.</summary>
public sealed class StageMemoryTests
{
    private const double Tolerance = 0.15;
    private static readonly DecoderConfig Config = DecoderConfig.FromShape(ModelFamilies.Find("gpt2")!, 700, 96, 4, 4, 160);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_supervised_stage_holds_what_was_planned(bool recompute)
    {
        var options = new SftOptions { Batch = 24, Epochs = 1, LearningRate = 1e-4, MicroBatchTokens = 1024, RecomputeActivations = recompute };
        var (train, heldOut) = (Rows(60), Rows(20));
        using var device = CpuDevice.Create(threads: 1, precision: Precision.F32);
        using var decoder = New(device, HeadKind.Language, trainable: true);
        using var arena = new Arena(device);
        using var trainer = new SupervisedTrainer(options, decoder, train, heldOut, seed: 5, new SilentHost(), arena);
        trainer.Run();

        AssertNear(SftStage.BytesOf(Planning(new SftStage()), options, train, heldOut), device.HeldBytes - arena.UntouchedBytes);
    }

    [Fact]
    public void A_reward_stage_holds_what_was_planned()
    {
        var options = new RewardOptions { Batch = 8, LearningRate = 1e-4, MicroBatchTokens = 1024 };
        var (train, heldOut) = (Rankings(40), Rankings(10));
        using var device = CpuDevice.Create(threads: 1, precision: Precision.F32);
        using var decoder = New(device, HeadKind.Scalar, trainable: true);
        using var arena = new Arena(device);
        using var trainer = new RewardTrainer(options, decoder, train, heldOut, seed: 5, new SilentHost(), arena);
        trainer.Run();

        AssertNear(RewardStage.BytesOf(Planning(new RewardStage()), options, train, heldOut), device.HeldBytes - arena.UntouchedBytes);
    }

    [Theory]
    [InlineData(AdvantageEstimator.Gae)]
    [InlineData(AdvantageEstimator.Group)]
    public void Ppo_holds_what_was_planned(AdvantageEstimator advantage)
    {
        var options = new PpoOptions
        {
            Advantage = advantage,
            RolloutsPerPrompt = advantage == AdvantageEstimator.Gae ? 1 : 4,
            OffPolicySteps = advantage == AdvantageEstimator.Gae ? 1 : 2,
            Steps = 1,
            RolloutsPerStep = 32,
            Minibatch = 16,
            MaxNewTokens = 16,
            LearningRate = 1e-5,
            ValueLearningRate = 1e-5,
            Ema = null,
            MicroBatchTokens = 1024,
        };
        EncodedPrompt[] prompts = [.. Rows(32).Select(row => new EncodedPrompt("", "", row.Tokens[..row.PromptLength], false))];
        using var device = CpuDevice.Create(threads: 1, precision: Precision.F32);
        using var policy = New(device, HeadKind.Language, trainable: true);
        using var reference = New(device, HeadKind.Language, trainable: false);
        using var reward = New(device, HeadKind.Scalar, trainable: false);
        using var value = options.HasValues ? New(device, HeadKind.Scalar, trainable: true) : null;
        using var arena = new Arena(device);
        using var trainer = new PpoTrainer(options, new PpoModels(policy, reference, reward, value, null), [.. prompts.Select(prompt => prompt.Tokens)], [],
            [], 5, new SilentHost(), null, arena);
        trainer.Run();
        var hostLogits = 4L * GenerationSettings.DefaultLiveSequences * Config.VocabularySize;

        AssertNear(PpoStage.BytesOf(Planning(new PpoStage()), options, withSecond: false, prompts, [], []) - hostLogits,
            device.HeldBytes - arena.UntouchedBytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12)]
    public void A_dpo_stage_holds_what_was_planned(int asked)
    {
        var options = new DpoOptions { Batch = 8, LearningRate = 1e-4, MicroBatchTokens = 1024, MaxNewTokens = 16 };
        PreferenceRow[] Rows(int count) => [.. Rankings(count).Select(ranking => WithReference(PreferenceRow.Of(ranking, options)!))];
        var (train, heldOut) = (Rows(40), Rows(10));
        EncodedPrompt[] prompts = [.. StageMemoryTests.Rows(asked).Select(row => new EncodedPrompt("", "", row.Tokens[..row.PromptLength], false))];
        using var device = CpuDevice.Create(threads: 1, precision: Precision.F32);
        using var policy = New(device, HeadKind.Language, trainable: true);
        using var sft = asked > 0 ? New(device, HeadKind.Language, trainable: false) : null;
        using var arena = new Arena(device);
        using var trainer = new DpoTrainer(options, policy, train, heldOut, 5, new SilentHost(), arena);
        trainer.Run();
        trainer.Judge(heldOut);
        using var generator = new Generator(policy, arena);
        StagePlanning.Sample(generator, [.. prompts.Select(prompt => prompt.Tokens)], options.MaxNewTokens, options.MicroBatchTokens);
        var hostLogits = asked > 0 ? 4L * GenerationSettings.DefaultLiveSequences * Config.VocabularySize : 0;

        AssertNear(DpoPlan.BytesOf(Planning(new DpoStage()), options, train, heldOut, prompts) - hostLogits, device.HeldBytes - arena.UntouchedBytes);
    }

    [Fact]
    public void A_distill_stage_holds_what_was_planned()
    {
        var options = new DistillOptions { Batch = 16, Steps = 1, MaxNewTokens = 16, MicroBatchTokens = 512, WarmUpFraction = 0 };
        EncodedPrompt[] prompts = [.. Rows(16).Select(row => new EncodedPrompt("", "", row.Tokens[..row.PromptLength], false))];
        using var device = CpuDevice.Create(threads: 1, precision: Precision.F32);
        using var student = New(device, HeadKind.Language, trainable: true);
        using var teacher = New(device, HeadKind.Language, trainable: false);
        using var sft = New(device, HeadKind.Language, trainable: false);
        using var arena = new Arena(device);
        using var trainer = new DistillTrainer(options, student, teacher, [.. prompts.Select(prompt => prompt.Tokens)], [], [], 5, new SilentHost(), arena);
        trainer.Run();
        var hostLogits = 4L * GenerationSettings.DefaultLiveSequences * Config.VocabularySize;

        AssertNear(
            DistillPlan.BytesOf(Planning(new DistillStage()), options, Config, prompts, [], []) - hostLogits, device.HeldBytes - arena.UntouchedBytes);
    }

    private static PreferenceRow WithReference(PreferenceRow row)
    {
        var reference = new float[row.Answers.Sum(answer => answer.ResponseLength)];
        return row with { Reference = reference, Start = reference };
    }

    private static StagePlanning Planning(IStage stage) => new(new Recipe(), null!, null!, Config, new Ledger("plan"), null!) { Step = new StageStep(1, stage, 1) };

    private static void AssertNear(long planned, long held) => Assert.InRange(planned, (1 - Tolerance) * held, (1 + Tolerance) * held);

    private static Decoder New(IDevice device, HeadKind heads, bool trainable)
    {
        var decoder = FreshDecoder.Create(device, Config, heads, trainable);
        if (!trainable)
        {
            decoder.Freeze();
        }

        return decoder;
    }

    private static EncodedSequence[] Rows(int count)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(i => Row(Tokens(random, random.Next(8, 40)), Tokens(random, random.Next(8, 40))))];
    }

    private static EncodedRanking[] Rankings(int count)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var prompt = Tokens(random, random.Next(8, 40));
            return new EncodedRanking(
                $"{i}", $"{i}", [.. Enumerable.Range(0, 4).Select(_ => Row(prompt, Tokens(random, random.Next(8, 40))))], [(0, 1), (2, 3)], [], 1, null, null);
        })];
    }

    private static EncodedSequence Row(int[] prompt, int[] response) => new([.. prompt, .. response], prompt.Length, null, "", false);

    private static int[] Tokens(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(Config.VocabularySize))];
}
