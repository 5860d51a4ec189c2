using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Training;

namespace Rlhf.Cli.Bench;

/// <summary>How far the program's numbers are from the plain path's.</summary>
/// <param name="Name">What was compared.</param>
/// <param name="Numbers">How many numbers.</param>
/// <param name="Difference">The largest difference in f32, the root of the mean square in bf16; of weights, as a share of the learning rate.</param>
/// <param name="Bound">What is allowed.</param>
internal sealed record CheckedQuantity(string Name, int Numbers, double Difference, double Bound)
{
    /// <summary>Whether it is within the bound; a difference that is not a number is not.</summary>
    public bool Holds => Difference <= Bound;
}

/// <summary>
/// Does the steps that <see cref="Benchmark"/> times, on a small model and through the same trainers, and once more by <see cref="PlainDecoder"/>, and compares
/// losses, log-probabilities, values, rewards,
/// advantages and updated weights.
/// </summary>
internal sealed class BenchmarkCheck
{
    private const ulong Seed = 7;
    private const int Step = 1;
    private const double LearningRate = 1e-3;
    private const double ShareOfRounding = 0.75;

    // AdamW divides by sqrt(v) + epsilon. With the usual 1e-8 a gradient that is zero but for rounding (that of a key's bias) moves its weight by the whole
    // learning rate, in either direction.
    private static readonly AdamOptions Adam = new() { Epsilon = 1e-4, WeightDecay = 0.01 };

    private static readonly BenchmarkShape Shape = new(
        "check", 512, 96, 2, 4, 4, 40, [5, 40, 17, 33], [30, 8, 45, 1], Minibatch: 4, Epochs: 2)
    { RankedPrompts = 2, RankedAnswers = 3, RankedTokens = 24 };

    private static readonly BenchmarkOptions Options = new(Shape, Adam, LearningRate, Epochs: 1);

    private readonly IDevice _device;
    private readonly Precision _operands;
    private readonly BenchmarkData _data = new(Shape, Seed);
    private readonly BenchmarkHost _host = new(CancellationToken.None);
    private readonly List<Comparison> _comparisons = [];

    private BenchmarkCheck(IDevice device, Precision operands) => (_device, _operands) = (device, operands);

    /// <summary>What the plain path and the program came to; weights in learning rates.</summary>
    private sealed record Comparison(string Name, double[] Plain, double[] Found, bool IsWeights);

    /// <summary>Compares everything; seconds of work.</summary>
    public static IReadOnlyList<CheckedQuantity> Run(IDevice device) => Run(device, device.Precision);

    /// <summary>Compares what a device computes with what one of a precision should.</summary>
    internal static IReadOnlyList<CheckedQuantity> Run(IDevice device, Precision operands) =>
        operands == Precision.F32 ? WithinFloat32(device) : WithinBFloat16(device);

    /// <summary>The plain path is exact: what is allowed is what the rounding of float32 was measured to do at this size, with room for other orders of
    /// sums.</summary>
    private static CheckedQuantity[] WithinFloat32(IDevice device) =>
        [.. Comparisons(device, Precision.F32)
            .Select(static one => new CheckedQuantity(one.Name, one.Plain.Length, LargestDifference(one.Plain, one.Found), one.IsWeights ? 5e-3 : 2e-5))];

    /// <summary>
    /// The plain path rounds its operands to bfloat16, too, and is exact otherwise. What is allowed is a share of what this rounding does to the quantity: of
    /// the difference between the plain path with and
    /// without it. Not much less: an operand near the middle of two neighbours falls to the other side when its last float32 bits differ, and each that does
    /// moves the operands after it, so up to
    /// 0.55 of it was found (oneDNN 2.6.3, Zen 4), from which the share was chosen. Not all of it: then operands that were not rounded, or rounded twice as
    /// far, would pass.
    /// </summary>
    private static CheckedQuantity[] WithinBFloat16(IDevice device) =>
        [.. Comparisons(device, Precision.Bf16).Zip(Comparisons(device, Precision.F32), static (rounded, exact) =>
        new CheckedQuantity(
            rounded.Name, rounded.Plain.Length, RootMeanSquare(rounded.Plain, rounded.Found), ShareOfRounding * RootMeanSquare(rounded.Plain, exact.Plain)))];

    private static List<Comparison> Comparisons(IDevice device, Precision operands)
    {
        var check = new BenchmarkCheck(device, operands);
        check.Sft();
        check.Ppo();
        check.RewardModel();
        return check._comparisons;
    }

    private void Sft()
    {
        using var policy = Model(HeadKind.Language, trainable: true, 1);
        var plain = Plain(policy);
        using var arena = new Arena(policy.Device);
        using var trainer = new SupervisedTrainer(Options.Sft, policy, _data.Sft(), [], Seed, _host, arena);
        trainer.TrainStep(Step);
        Numbers("SFT loss", [PlainSteps.Sft(plain, _data.Sft())], [_host.Metrics["loss"]]);
        Update("SFT", policy, plain);
    }

    private void Ppo()
    {
        using var policy = Model(HeadKind.Language, trainable: true, 2);
        using var reference = Model(HeadKind.Language, trainable: false, 3);
        using var value = Model(HeadKind.Scalar, trainable: true, 4);
        using var reward = Model(HeadKind.Scalar, trainable: false, 5);
        var (plainPolicy, plainReference, plainValue, plainReward) = (Plain(policy), Plain(reference), Plain(value), Plain(reward));
        reference.Freeze();
        reward.Freeze();
        using var arena = new Arena(policy.Device);
        using var trainer = new PpoTrainer(
            Options.Ppo, new PpoModels(policy, reference, reward, value, Second: null), _data.Prompts(), [], [], Seed, _host, evaluate: null, arena);

        var sampled = trainer.Sample(_data.Prompts(), Step, Shape.ResponseLengths);
        var rollout = trainer.Score(sampled);
        PlainAnswer[] answers = [.. sampled.Select(answer =>
        {
            var (tokens, prompt) = (answer.Tokens, answer.Prompt.Length);
            return new PlainAnswer(
                tokens, prompt, plainPolicy.Forward(tokens).LogProbabilities(prompt), plainReference.Forward(tokens).LogProbabilities(prompt),
                plainValue.Forward(tokens).Scalars()[(prompt - 1)..^1],
                plainReward.Forward(tokens).Scalars()[^1]);
        })];
        double[][] advantages = [.. answers.Select(static answer => answer.Advantages(Options.Ppo.KlCoefficient, Options.Ppo.Gamma, Options.Ppo.Lambda))];
        Numbers("rollout log-probabilities", [.. answers.SelectMany(static answer => answer.OldLogProbabilities)], rollout.LogProbabilities);
        Numbers("reference log-probabilities", [.. answers.SelectMany(static answer => answer.ReferenceLogProbabilities)], rollout.ReferenceLogProbabilities);
        Numbers("values", [.. answers.SelectMany(static answer => answer.OldValues)], rollout.Values);
        Numbers("rewards", [.. answers.Select(static answer => answer.Score)], rollout.RawScores);
        Numbers("advantages", [.. advantages.SelectMany(static row => row)], rollout.Advantages);

        var outcome = trainer.Update(rollout, Step);
        var (policyLoss, valueLoss) = PlainUpdate(plainPolicy, policy, plainValue, value, answers, advantages);
        Numbers("policy loss", [policyLoss], [outcome.Policy!.Value.PolicyLoss]);
        Numbers("value loss", [valueLoss], [outcome.Value!.Value.Loss]);
        Weights("policy weights", policy, plainPolicy);
        Weights("value network's weights", value, plainValue);
    }

    /// <summary>The epochs of a PPO step whose minibatch is all answers; mean losses.</summary>
    private static (double Policy, double Value) PlainUpdate(
        PlainDecoder policy, Decoder policyModel, PlainDecoder value, Decoder valueModel, PlainAnswer[] answers, double[][] advantages)
    {
        var policyOptimizer = new PlainOptimizer(policy, policyModel, Adam, Options.Ppo.MaxGradientNorm!.Value);
        var valueOptimizer = new PlainOptimizer(value, valueModel, Adam, Options.Ppo.MaxGradientNorm!.Value);
        var (policyLoss, valueLoss) = (0.0, 0.0);
        for (var epoch = 0; epoch < Options.Ppo.InnerEpochs; epoch++)
        {
            policyLoss += PlainSteps.Policy(policy, answers, advantages, Options.Ppo.ClipRange) / Options.Ppo.InnerEpochs;
            valueLoss += PlainSteps.Value(value, answers, advantages, Options.Ppo.ValueClipRange!.Value) / Options.Ppo.InnerEpochs;
            policyOptimizer.Step(LearningRate);
            valueOptimizer.Step(LearningRate);
        }

        return (policyLoss, valueLoss);
    }

    private void RewardModel()
    {
        using var reward = Model(HeadKind.Scalar, trainable: true, 6);
        var plain = Plain(reward);
        using var arena = new Arena(reward.Device);
        using var trainer = new RewardTrainer(Options.Reward, reward, _data.Rankings(samePrompt: true), [], Seed, _host, arena);
        trainer.TrainStep(Step);
        Numbers("reward model's loss", [PlainSteps.RewardModel(plain, _data.Rankings(samePrompt: true))], [_host.Metrics["loss"]]);
        Update("reward model's", reward, plain);
    }

    /// <summary>The plain optimizer's step after the plain gradients, and what both came to.</summary>
    private void Update(string name, Decoder model, PlainDecoder plain)
    {
        var norm = new PlainOptimizer(plain, model, Adam, Options.Sft.MaxGradientNorm!.Value).Step(LearningRate);
        Numbers($"{name} gradient norm", [norm], [_host.Metrics["gradient_norm"]]);
        Weights($"{name} weights", model, plain);
    }

    /// <summary>A model with all parameters random, also gains and biases, so that none can be left out unseen.</summary>
    private Decoder Model(HeadKind kind, bool trainable, ulong seed)
    {
        var model = new Decoder(_device, Shape.Config, kind, trainable);
        var numbers = new float[model.Parameters.Length];
        Philox.Normal(numbers, Seed, seed, 0.1f);
        foreach (var gain in model.Layout.Parameters.Where(
            static parameter => !parameter.Decays && !parameter.Name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            for (var i = gain.Offset; i < gain.Offset + gain.Length; i++)
            {
                numbers[i] += 1;
            }
        }

        _device.CopyIn(numbers, model.Parameters);
        model.Refresh();
        return model;
    }

    private void Numbers(string name, double[] plain, float[] found) => Numbers(name, plain, Array.ConvertAll(found, static value => (double)value));

    private void Numbers(string name, double[] plain, double[] found) => _comparisons.Add(new Comparison(name, plain, found, IsWeights: false));

    private void Weights(string name, Decoder model, PlainDecoder plain)
    {
        var found = new float[model.Parameters.Length];
        _device.CopyOut(model.Parameters, found);
        double[] InRates(IEnumerable<double> numbers) => [.. numbers.Select(static number => number / LearningRate)];
        _comparisons.Add(
            new Comparison($"{name} (of the learning rate)", InRates(plain.Parameters), InRates(found.Select(static value => (double)value)), IsWeights: true));
    }

    private PlainDecoder Plain(Decoder model) => new(model, _operands);

    /// <summary>Not a number if any of the numbers is not, or if there are not as many.</summary>
    private static double LargestDifference(double[] plain, double[] found)
    {
        if (plain.Length != found.Length)
        {
            return double.NaN;
        }

        var largest = 0.0;
        for (var i = 0; i < plain.Length; i++)
        {
            var difference = Math.Abs(plain[i] - found[i]);
            largest = difference > largest || double.IsNaN(difference) ? difference : largest;
        }

        return largest;
    }

    private static double RootMeanSquare(double[] plain, double[] found) =>
        plain.Length != found.Length ? double.NaN : Math.Sqrt(plain.Zip(found, static (a, b) => (a - b) * (a - b)).Average());
}
