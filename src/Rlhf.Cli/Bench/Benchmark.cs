using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Sampling;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Training;

namespace Rlhf.Cli.Bench;

/// <summary>
/// Times the steps of the recipe on random weights and tokens, through the trainers that real runs use. SFT, rollout, scoring and the reward model: the best of
/// some repetitions; the PPO update: once, after one
/// over a minibatch.
/// </summary>
internal sealed class Benchmark : IDisposable
{
    private const ulong Seed = 0;
    private const double LearningRate = 1e-6;
    private static readonly AdamOptions Adam = new() { Beta2 = 0.999, WeightDecay = 0.01 };
    private readonly BenchmarkShape _shape;
    private readonly BenchmarkOptions _options;
    private readonly int _repetitions;
    private readonly BenchmarkData _data;
    private readonly OperationCount _operations;
    private readonly PhaseTimer _timer;
    private readonly BenchmarkHost _host;
    private readonly Decoder _policy;
    private readonly Decoder _value;

    /// <summary>Makes the models.</summary>
    /// <param name="shape">The work.</param>
    /// <param name="device">Where it is done.</param>
    /// <param name="repetitions">Times that a phase is done; the best counts.</param>
    /// <param name="progress">Told each repetition's time.</param>
    /// <param name="cancellation">Ends the work between repetitions.</param>
    public Benchmark(BenchmarkShape shape, IDevice device, int repetitions, Action<string> progress, CancellationToken cancellation = default)
    {
        (_shape, _repetitions) = (shape, repetitions);
        _options = new BenchmarkOptions(shape, Adam, LearningRate, repetitions);
        _data = new BenchmarkData(shape, Seed);
        _operations = new OperationCount(shape);
        _timer = new PhaseTimer(progress, cancellation);
        _host = new BenchmarkHost(cancellation);
        progress($"{shape.Name}: random weights");
        _policy = BenchmarkModels.Policy(device, shape.Config, Philox.Derive(Seed, 1));
        _value = BenchmarkModels.Scalar(device, shape.Config, trainable: true, Philox.Derive(Seed, 2));
    }

    /// <summary>Times the wanted phases. An update needs a rollout and its scores: these are then done too, but not reported.</summary>
    public IReadOnlyList<PhaseResult> Run(IReadOnlyCollection<BenchmarkPhase> phases)
    {
        var results = new List<PhaseResult>();
        if (phases.Contains(BenchmarkPhase.Sft))
        {
            results.Add(Sft());
        }

        if (phases.Any(static phase => phase is BenchmarkPhase.Rollout or BenchmarkPhase.Score or BenchmarkPhase.Update))
        {
            results.AddRange(PpoStep(phases).Where(result => phases.Contains(result.Phase)));
        }

        if (phases.Contains(BenchmarkPhase.Rm))
        {
            results.Add(RewardModel(BenchmarkPhase.Rm));
        }

        if (phases.Contains(BenchmarkPhase.RmShared))
        {
            results.Add(RewardModel(BenchmarkPhase.RmShared));
        }

        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _policy.Dispose();
        _value.Dispose();
    }

    private PhaseResult Sft()
    {
        using var arena = new Arena(_policy.Device);
        using var trainer = new SupervisedTrainer(_options.Sft, _policy, _data.Sft(), [], Seed, _host, arena);
        return Timed(BenchmarkPhase.Sft, _repetitions, step => trainer.TrainStep(step), ("tokens", _shape.SftRows * _shape.SftTokens));
    }

    private IEnumerable<PhaseResult> PpoStep(IReadOnlyCollection<BenchmarkPhase> phases)
    {
        var models = BenchmarkModels.Roles(_policy, _value);
        using var reference = models.Reference;
        using var reward = models.Reward;
        var prompts = _data.Prompts();
        using var arena = new Arena(_policy.Device);
        using var trainer = new PpoTrainer(_options.Ppo, models, prompts, endIds: [], pretraining: [], Seed, _host, evaluate: null, arena);
        Completion[] answers = [];
        Rollout? rollout = null;
        int Repetitions(BenchmarkPhase phase) => phases.Contains(phase) ? _repetitions : 1;
        yield return Timed(
            BenchmarkPhase.Rollout, Repetitions(BenchmarkPhase.Rollout), _ => answers = trainer.Sample(prompts, stream: 1, _shape.ResponseLengths),
            ("tokens", _shape.ResponseLengths.Sum()));
        if (phases.Any(static phase => phase is BenchmarkPhase.Score or BenchmarkPhase.Update))
        {
            yield return Timed(BenchmarkPhase.Score, Repetitions(BenchmarkPhase.Score), _ => rollout = trainer.Score(answers));
        }

        if (phases.Contains(BenchmarkPhase.Update))
        {
            trainer.Update(trainer.Score(answers[.._shape.Minibatch]), step: 1); // touches the memory of all that follow
            yield return Timed(BenchmarkPhase.Update, 1, _ => trainer.Update(rollout!, step: 1));
        }
    }

    private PhaseResult RewardModel(BenchmarkPhase phase)
    {
        var options = _options.Reward with { MaxGradientNorm = null };
        using var arena = new Arena(_value.Device);
        using var trainer = new RewardTrainer(options, _value, _data.Rankings(samePrompt: phase == BenchmarkPhase.RmShared), [], Seed, _host, arena);
        var answers = _shape.RankedPrompts * _shape.RankedAnswers;
        return Timed(phase, _repetitions, step => trainer.TrainStep(step), ("tokens", answers * _shape.RankedTokens), ("answers", answers));
    }

    private PhaseResult Timed(BenchmarkPhase phase, int repetitions, Action<int> body, params (string Unit, double Count)[] counts)
    {
        var (seconds, allocated) = _timer.Best(phase, repetitions, body);
        return new PhaseResult(phase, seconds, _operations.Of(phase), allocated, [.. counts.Select(count => (count.Unit, count.Count / seconds))]);
    }
}
