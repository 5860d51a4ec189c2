using Rlhf.Compute;
using Rlhf.Model;
using Rlhf.Sampling;
using Rlhf.Stages.Collect;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>
/// Memory that a stage takes on its device: the trainers themselves do their first steps on a device that only counts, so what they allocate is what is planned. Sampled answers are as
/// long as they may be.
/// </summary>
/// <param name="config">The shape of all models.</param>
/// <param name="precision">The recipe's.</param>
/// <param name="frozenPrecision">What models that are not trained keep their matrices in.</param>
internal sealed class StageMemory(DecoderConfig config, Precision precision, Precision frozenPrecision)
{
    private const int StepsTried = 64; // batches differ in size

    /// <summary>Bytes of a supervised stage.</summary>
    public long Supervised(SupervisedOptions options, EncodedSequence[] train, EncodedSequence[] heldOut, ulong seed)
    {
        using var device = new CountingDevice(precision);
        using var decoder = new Decoder(device, config, HeadKind.Language, trainable: true);
        using var judge = options.KeepBest == KeepBest.Reward ? Frozen(device, HeadKind.Scalar) : null;
        using var arena = new Arena(device);
        using var trainer = new SupervisedTrainer(options, decoder, train, heldOut, seed, new SilentHost(), arena);
        for (var step = 1; step <= Math.Min(trainer.TotalSteps, StepsTried); step++)
        {
            trainer.TrainStep(step);
        }

        return device.HeldBytes - arena.UntouchedBytes;
    }

    /// <summary>Bytes of collecting answers.</summary>
    public long Collect(CollectOptions options, EncodedPrompt[] prompts)
    {
        using var device = new CountingDevice(precision);
        using var policy = Frozen(device, HeadKind.Language);
        var loading = device.PeakBytes; // the flat weights beside what is packed from them
        using var arena = new Arena(device);
        using var generator = new Generator(policy, arena);
        Sample(generator, [.. prompts.Take(AnswerSampler.PromptsAtOnce).SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.AnswersPerPrompt))], options.MaxNewTokens, AnswerSampler.RowBudget);
        return Math.Max(loading, device.HeldBytes - arena.UntouchedBytes + HostLogits);
    }

    /// <summary>Bytes of training a reward model.</summary>
    public long Reward(RewardOptions options, EncodedRanking[] train, EncodedRanking[] heldOut, ulong seed)
    {
        using var device = new CountingDevice(precision);
        using var decoder = new Decoder(device, config, HeadKind.Scalar, trainable: true);
        using var arena = new Arena(device);
        using var trainer = new RewardTrainer(options, decoder, train, heldOut, seed, new SilentHost(), arena);
        for (var step = 1; step <= Math.Min(trainer.TotalSteps, StepsTried); step++)
        {
            trainer.TrainStep(step);
        }

        trainer.StatisticsOf(heldOut);
        return device.HeldBytes - arena.UntouchedBytes;
    }

    /// <summary>Bytes of PPO.</summary>
    public long Ppo(PpoOptions options, bool second, EncodedPrompt[] prompts, EncodedPrompt[] heldOut, EncodedSequence[] pretraining, ulong seed)
    {
        using var device = new CountingDevice(precision);
        using var policy = new Decoder(device, config, options.SharedTrunk ? HeadKind.Language | HeadKind.Scalar : HeadKind.Language, trainable: true);
        using var reference = Frozen(device, HeadKind.Language);
        using var reward = Frozen(device, HeadKind.Scalar);
        using var value = options.SharedTrunk ? null : new Decoder(device, config, HeadKind.Scalar, trainable: true);
        using var other = second ? Frozen(device, HeadKind.Scalar) : null;
        using var arena = new Arena(device);
        var measured = options with { ScoreNormalization = ScoreNormalization.None }; // the memory is the same
        int[][] tokens = [.. prompts.Select(prompt => prompt.Tokens)];
        using var trainer = new PpoTrainer(measured, new PpoModels(policy, reference, reward, value, other), tokens, [], pretraining, seed, new SilentHost(), evaluate: null, arena);
        int[][] asked = [.. Enumerable.Range(0, options.RolloutsPerStep).Select(i => tokens[i / options.RolloutsPerPrompt % tokens.Length])];
        trainer.Sample(asked, 0, [.. asked.Select(_ => TokensDrawn)]);
        trainer.Update(trainer.Score([.. asked.Select(prompt => new Completion(prompt, new int[options.MaxNewTokens], new float[options.MaxNewTokens], Finished: false))]), 1);
        using var judging = new Generator(policy, arena); // of the held-out prompts
        Sample(judging, [.. heldOut.Take(options.EvaluationPrompts).SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.EvaluationSamples))], options.MaxNewTokens, options.MicroBatchTokens);
        return device.HeldBytes - arena.UntouchedBytes + HostLogits;
    }

    private const int TokensDrawn = 2; // answers whose prompt is shared draw their first token when its first answer draws its second

    /// <summary>A token for each live sequence: the sampler reads them on the host.</summary>
    private long HostLogits => sizeof(float) * GenerationSettings.DefaultLiveSequences * (long)config.VocabularySize;

    private Decoder Frozen(CountingDevice device, HeadKind heads)
    {
        var decoder = new Decoder(device, config, heads, trainable: false, frozenPrecision);
        decoder.Freeze();
        return decoder;
    }

    private static void Sample(Generator generator, int[][] prompts, int maxNewTokens, int rowBudget) => generator.Generate(prompts, new GenerationSettings
    {
        MaxNewTokens = maxNewTokens,
        Limits = [.. prompts.Select(_ => TokensDrawn)],
        EndIds = [],
        Seed = 0,
        RowBudget = rowBudget,
    });
}
