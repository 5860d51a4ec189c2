using System.Diagnostics;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What a PPO run ended with.</summary>
/// <param name="Steps">PPO steps.</param>
/// <param name="Scale">Mean and standard deviation in which scores are measured.</param>
/// <param name="KlCoefficient">Beta at the end.</param>
public sealed record PpoResult(long Steps, ScoreScale Scale, double KlCoefficient);

/// <summary>
/// PPO against a reward model, held near the reference by a KL penalty (Ouyang 2022, section 3.5; Stiennon 2020; Ziegler 2019).
/// <para>
/// A step: 1 rollout, 2 scores, 3 advantages, 4 update (4.1 order, 4.2 policy loss, 4.3 value loss, 4.4 pretraining, 4.5 optimizer, 4.6 running mean and early
/// stop; see
/// <see cref="PpoUpdate"/>), 5 log.
/// </para>
/// <para>
/// Where it leaves the papers: the old log-probabilities are the sampler's own, bit for bit, so there is no pass that computes them again; the value loss is
/// clipped (Ziegler 2019's
/// code; Ouyang 2022 gives no clip); the running mean of the weights moves after every optimizer step, not after every PPO step; the logged KL is always k1,
/// whatever estimator the
/// reward uses; where scores are normalised, their scale is folded into the value network that starts as the reward model; rollouts of one prompt stay in one
/// minibatch.
/// </para>
/// <para>
/// Without a value network (GRPO, RLOO and others) the advantages of an answer come from the other answers, and step 4.3 is left out.
/// </para>
/// </summary>
public sealed class PpoTrainer : ITrainer, IDisposable
{
    private const int NormalizationStream = int.MaxValue;
    private readonly PpoOptions _options;
    private readonly PpoModels _models;
    private readonly IReadOnlyList<int[]> _prompts;
    private readonly EpochOrders _orders;
    private readonly IReadOnlyList<int> _endIds;
    private readonly ITrainingHost _host;
    private readonly Action<long>? _evaluate;
    private readonly ulong _seed;
    private readonly Generator _generator;
    private readonly RolloutScorer _scorer;
    private readonly PpoUpdate _update;
    private readonly LearningRateSchedule _policyRates;
    private readonly LearningRateSchedule _valueRates;
    private readonly DeviceMemory? _average;
    private long _extraPrompts;
    private double _klCoefficient;
    private string _note = "";

    /// <summary>Prepares a run.</summary>
    /// <param name="options">The stage's options.</param>
    /// <param name="models">The roles; policy and value are trained in place.</param>
    /// <param name="prompts">Token ids of the training prompts.</param>
    /// <param name="endIds">Ids that end an answer.</param>
    /// <param name="pretraining">Sequences for ptx; empty without it.</param>
    /// <param name="seed">The stage's seed.</param>
    /// <param name="host">Metrics, checkpoints, cancellation.</param>
    /// <param name="evaluate">Called before the first step (with 0), every evaluate_every steps and at the end.</param>
    /// <param name="arena">Memory for activations, which others may use in turn.</param>
    /// <param name="rewards">A list of rewards in the place of the reward model; the caller's.</param>
    public PpoTrainer(
        PpoOptions options, PpoModels models, IReadOnlyList<int[]> prompts, IReadOnlyList<int> endIds, IReadOnlyList<EncodedSequence> pretraining, ulong seed,
        ITrainingHost host, Action<long>? evaluate,
        Arena arena, PpoRewards? rewards = null)
    {
        (_options, _models, _prompts, _endIds, _host, _evaluate, _seed) = (options, models, prompts, endIds, host, evaluate, seed);
        _orders = new EpochOrders(prompts.Count, seed);
        _generator = new Generator(models.Policy, arena);
        _scorer = new RolloutScorer(options, models, arena, rewards);
        _update = new PpoUpdate(options, models, pretraining, seed, arena);
        _policyRates = options.LearningRates(options.Steps);
        _valueRates = options.ValueLearningRates(options.Steps);
        _average = options.Ema is null ? null : models.Policy.Device.Allocate(models.Policy.Parameters.Length);
        _klCoefficient = options.KlCoefficient;
    }

    /// <summary>In what scores are measured now.</summary>
    public ScoreScale Scale => _scorer.Scale;

    long ITrainer.TotalSteps => _options.Steps;

    int ITrainer.CheckpointEvery => _options.CheckpointEvery;

    string ITrainer.Note => _note;

    /// <summary>Trains to the end, or throws <see cref="OperationCanceledException"/> after a checkpoint. The policy then holds the weights to be
    /// saved.</summary>
    public PpoResult Run()
    {
        new TrainingLoop(this, _host, _models.Policy.Device).Run();
        if (_average is not null)
        {
            _models.Policy.Device.Copy(_average.Floats, _models.Policy.Parameters);
            _models.Policy.Refresh();
        }

        _evaluate?.Invoke(_options.Steps);
        return new PpoResult(_options.Steps, Scale, _klCoefficient);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _generator.Dispose();
        _scorer.Dispose();
        _update.Dispose();
        _average?.Dispose();
    }

    // The last step's weights are evaluated when they are those that will be saved.
    bool ITrainer.IsEvaluated(long step) => step != _options.Steps && _options.EvaluateEvery > 0 && step % _options.EvaluateEvery == 0;

    void ITrainer.Evaluate(long step) => _evaluate?.Invoke(step);

    /// <summary>Measures the SFT model's scores if they are the unit, folds that unit into the value head, and evaluates the start.</summary>
    void ITrainer.Begin()
    {
        if (_scorer.WantsSamples)
        {
            MeasureScale();
        }

        if (_average is not null)
        {
            _models.Policy.Device.Copy(_models.Policy.Parameters, _average.Floats);
        }

        if (_models.Value is { } value)
        {
            ValueStart.FoldInto(value, Scale, keepsHead: !_scorer.Sources.IsList);
        }

        _evaluate?.Invoke(0);
    }

    private void MeasureScale()
    {
        var count = _options.NormalizationSamples ?? Math.Min(_prompts.Count, 1024);
        int[] rows = [.. Enumerable.Range(0, count).Select(i => i % _prompts.Count)];
        _scorer.Measure(Sample([.. rows.Select(row => _prompts[row])], NormalizationStream), rows);
    }

    /// <summary>Answers of the present policy, each cut at its own limit where limits are given.</summary>
    public Completion[] Sample(IReadOnlyList<int[]> prompts, ulong stream, IReadOnlyList<int>? limits = null, int firstRow = 0) =>
        _generator.Generate(prompts, new GenerationSettings
        {
            Sampling = new SamplingOptions { Temperature = _options.Temperature },
            MaxNewTokens = _options.MaxNewTokens,
            Limits = limits,
            EndIds = _endIds,
            Seed = _seed,
            Stream = stream,
            FirstRow = (uint)firstRow,
        });

    void ITrainer.TrainStep(long step)
    {
        // 1. Rollout: the sampler's log-probabilities are the trainer's, so no pass is needed to find the old ones.  2. Scores, reference and values.
        var (seconds, clock) = (new StepSeconds(), Stopwatch.StartNew());
        var (sampled, trained) = Collect(step, seconds);

        // 3. Rewards and advantages.  4. Update.
        PpoOutcome? outcome = null;
        if (trained.Completions.Length > 0)
        {
            AdvantageEstimation.Fill(trained, _options, _klCoefficient);
            clock.Restart();
            outcome = Update(trained, step);
            seconds.Update = clock.Elapsed.TotalSeconds;
        }

        // 5. Log.
        var kl = SequenceKl(sampled);
        Log(step, sampled, trained.Completions.Length, outcome, kl, seconds);
        if (_options.AdaptiveKl is { } adaptive)
        {
            _klCoefficient = new AdaptiveKl(adaptive.Target, adaptive.Horizon).Next(_klCoefficient, kl, sampled.Completions.Length);
        }
    }

    /// <summary>The judged answers of a step, and those that are trained on: all of them, or the groups whose rewards differ, in the place of others of which
    /// more are sampled.</summary>
    private (Rollout Sampled, Rollout Trained) Collect(long step, StepSeconds seconds)
    {
        var (size, wanted) = (_options.RolloutsPerPrompt, _options.RolloutsPerStep / _options.RolloutsPerPrompt);
        var sampled = SampleAndJudge(((step - 1) * wanted) + _extraPrompts, wanted, step, 0, seconds);
        if (!_options.DropEqualGroups)
        {
            return (sampled, sampled);
        }

        for (var again = 0; ; again++)
        {
            var rows = sampled.RowsThatDiffer(size);
            var missing = wanted - (rows.Length / size);
            if (missing == 0 || again == _options.Resamplings)
            {
                return (sampled, sampled.Pick(rows));
            }

            var more = SampleAndJudge((step * wanted) + _extraPrompts, missing, step, sampled.Completions.Length, seconds);
            _extraPrompts += missing;
            sampled = sampled.With(more);
        }
    }

    private Rollout SampleAndJudge(long firstPrompt, int prompts, long step, int firstRow, StepSeconds seconds)
    {
        var clock = Stopwatch.StartNew();
        int[] chosen = [.. _orders.Range(firstPrompt, prompts)];
        int[] rows = [.. chosen.SelectMany(row => Enumerable.Repeat(row, _options.RolloutsPerPrompt))];
        int[][] asked = [.. chosen.SelectMany(row => Enumerable.Repeat(_prompts[row], _options.RolloutsPerPrompt))];
        var answers = Sample(asked, (ulong)step, firstRow: firstRow);
        seconds.Rollout += clock.Elapsed.TotalSeconds;
        clock.Restart();
        var judged = _scorer.Judge(answers, rows);
        seconds.Score += clock.Elapsed.TotalSeconds;
        return judged;
    }

    /// <summary>Scores by the reward model, reference log-probabilities and values of sampled answers, and the rewards and advantages that
    /// follow.</summary>
    public Rollout Score(Completion[] answers) => AdvantageEstimation.Fill(_scorer.Judge(answers, []), _options, _klCoefficient);

    /// <summary>The updates of a step, from its rollout.</summary>
    public PpoOutcome Update(Rollout rollout, long step) => _update.Run(
        rollout, step, _policyRates.At(step), _valueRates.At(step), _klCoefficient, trainPolicy: step > _options.ValueWarmUpSteps, _average,
        _options.Ema ?? 0);

    private void Log(long step, Rollout r, int trained, PpoOutcome? outcome, double kl, StepSeconds seconds)
    {
        var score = r.Scores.Average();
        if (!double.IsFinite(score) || !double.IsFinite(kl))
        {
            throw new RunFailedException(
                FormattableString.Invariant(
                    $"PPO step {step}: the mean score is {score}, the KL {kl}. The last checkpoint is good; a lower learning_rate may help."));
        }

        var values = PpoStepLog.ValuesOf(r, score, kl, _klCoefficient, seconds);
        outcome?.AddTo(values, _options);
        GroupMetrics.AddTo(values, r, trained, _options);
        values.AddRange(_scorer.Sources.TakeMetrics());
        _host.Log(step, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(values));
        _note = FormattableString.Invariant($"score {score:F2}, KL {kl:F2}");
        for (var i = 0; i < Math.Min(_options.SamplesPerStep, r.Completions.Length); i++)
        {
            _host.Sample(step, r.Completions[i].Prompt, r.Completions[i].Response, ("score", r.Scores[i]), ("finished", r.Completions[i].Finished ? 1 : 0));
        }
    }

    void ITrainer.AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        numbers["kl_coefficient"] = _klCoefficient;
        _scorer.Moments.AddTo(numbers, "score");
        if (_options.DropEqualGroups)
        {
            numbers["extra_prompts"] = _extraPrompts;
        }

        _scorer.Sources.AddTo(numbers);
        _update.AddTo(buffers, numbers);
        if (_average is not null)
        {
            buffers.Add("average.parameters", _average.Floats);
        }
    }

    void ITrainer.Restored(IDictionary<string, double> numbers)
    {
        _klCoefficient = numbers["kl_coefficient"];
        _scorer.Moments = RunningMoments.In(numbers, "score");
        _extraPrompts = _options.DropEqualGroups ? (long)numbers["extra_prompts"] : 0;
        _scorer.Sources.Restored(numbers);
        _update.Restored(numbers);
    }

    /// <summary>Mean over answers of the sum over tokens of log p - log p of the reference: k1, whatever estimator the reward uses.</summary>
    private static double SequenceKl(Rollout r) => KlEstimators.LogRatio(r.LogProbabilities, r.ReferenceLogProbabilities) / r.Completions.Length;
}
