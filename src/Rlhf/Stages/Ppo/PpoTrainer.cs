using System.Diagnostics;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
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
    private readonly Scorer _referenceScorer;
    private readonly Scorer _rewardScorer;
    private readonly Scorer? _secondScorer;
    private readonly Scorer _valueScorer;
    private readonly PpoUpdate _update;
    private readonly LearningRateSchedule _policyRates;
    private readonly LearningRateSchedule _valueRates;
    private readonly DeviceMemory? _average;
    private RunningMoments _scoreMoments;
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
    public PpoTrainer(
        PpoOptions options, PpoModels models, IReadOnlyList<int[]> prompts, IReadOnlyList<int> endIds, IReadOnlyList<EncodedSequence> pretraining, ulong seed,
        ITrainingHost host, Action<long>? evaluate,
        Arena arena)
    {
        (_options, _models, _prompts, _endIds, _host, _evaluate, _seed) = (options, models, prompts, endIds, host, evaluate, seed);
        _orders = new EpochOrders(prompts.Count, seed);
        _generator = new Generator(models.Policy, arena);
        _referenceScorer = new Scorer(models.Reference, options.MicroBatchTokens, arena);
        _rewardScorer = new Scorer(models.Reward, options.MicroBatchTokens, arena);
        _secondScorer = models.Second is null ? null : new Scorer(models.Second, options.MicroBatchTokens, arena);
        _valueScorer = new Scorer(models.Value ?? models.Policy, options.MicroBatchTokens, arena);
        _update = new PpoUpdate(options, models, pretraining, seed, arena);
        _policyRates = options.LearningRates(options.Steps);
        _valueRates = options.ValueLearningRates(options.Steps);
        _average = options.Ema is null ? null : models.Policy.Device.Allocate(models.Policy.Parameters.Length);
        _klCoefficient = options.KlCoefficient;
    }

    /// <summary>In what scores are measured now.</summary>
    public ScoreScale Scale => _options.ScoreNormalization == ScoreNormalization.None ? ScoreScale.None : ScoreScale.Of(_scoreMoments);

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
        _referenceScorer.Dispose();
        _rewardScorer.Dispose();
        _secondScorer?.Dispose();
        _valueScorer.Dispose();
        _update.Dispose();
        _average?.Dispose();
    }

    // The last step's weights are evaluated when they are those that will be saved.
    bool ITrainer.IsEvaluated(long step) => step != _options.Steps && _options.EvaluateEvery > 0 && step % _options.EvaluateEvery == 0;

    void ITrainer.Evaluate(long step) => _evaluate?.Invoke(step);

    /// <summary>Measures the SFT model's scores if they are the unit, folds that unit into the value head, and evaluates the start.</summary>
    void ITrainer.Begin()
    {
        if (_options.ScoreNormalization == ScoreNormalization.SftSamples)
        {
            MeasureScale();
        }

        if (_average is not null)
        {
            _models.Policy.Device.Copy(_models.Policy.Parameters, _average.Floats);
        }

        if (_models.Value is { } value)
        {
            FoldInto(value, Scale);
        }

        _evaluate?.Invoke(0);
    }

    private void MeasureScale()
    {
        var count = _options.NormalizationSamples ?? Math.Min(_prompts.Count, 1024);
        var answers = Sample([.. Enumerable.Range(0, count).Select(i => _prompts[i % _prompts.Count])], NormalizationStream);
        _scoreMoments = RunningMoments.Of(
            _rewardScorer.Rewards([.. answers.Select(static answer => answer.Tokens)], [.. answers.Select(static answer => answer.Prompt.Length)]));
    }

    /// <summary>The value network starts as the reward model on the scale of the scores: w / sd, (b - mean) / sd.</summary>
    private static void FoldInto(Decoder value, ScoreScale scale)
    {
        var head = new float[value.Config.EmbeddingWidth];
        Span<float> bias = stackalloc float[1];
        value.Device.CopyOut(value.ScalarWeights, head);
        value.Device.CopyOut(value.ScalarBiases, bias);
        for (var i = 0; i < head.Length; i++)
        {
            head[i] = (float)(head[i] / scale.StandardDeviation);
        }

        bias[0] = (float)((bias[0] - scale.Mean) / scale.StandardDeviation);
        value.Device.CopyIn(head, value.ScalarWeights);
        value.Device.CopyIn(bias, value.ScalarBiases);
    }

    /// <summary>Answers of the present policy, each cut at its own limit where limits are given.</summary>
    public Completion[] Sample(IReadOnlyList<int[]> prompts, ulong stream, IReadOnlyList<int>? limits = null) =>
        _generator.Generate(prompts, new GenerationSettings
        {
            Sampling = new SamplingOptions { Temperature = _options.Temperature },
            MaxNewTokens = _options.MaxNewTokens,
            Limits = limits,
            EndIds = _endIds,
            Seed = _seed,
            Stream = stream,
        });

    void ITrainer.TrainStep(long step)
    {
        var clock = Stopwatch.StartNew();

        // 1. Rollout: the sampler's log-probabilities are the trainer's, so no pass is needed to find the old ones.
        var answers = Sample(PromptsOf(step), (ulong)step);
        var rolloutSeconds = Lap(clock);

        // 2. Scores, reference and values.  3. Rewards and advantages.
        var rollout = Score(answers);
        var scoreSeconds = Lap(clock);

        // 4. Update.
        var outcome = Update(rollout, step);
        var updateSeconds = Lap(clock);

        // 5. Log.
        var kl = SequenceKl(rollout);
        Log(step, rollout, outcome, kl, rolloutSeconds, scoreSeconds, updateSeconds);
        if (_options.AdaptiveKl is { } adaptive)
        {
            _klCoefficient = new AdaptiveKl(adaptive.Target, adaptive.Horizon).Next(_klCoefficient, kl, answers.Length);
        }
    }

    private int[][] PromptsOf(long step)
    {
        var count = _options.RolloutsPerStep / _options.RolloutsPerPrompt;
        return [.. _orders.Range((step - 1) * count, count).SelectMany(row => Enumerable.Repeat(_prompts[row], _options.RolloutsPerPrompt))];
    }

    /// <summary>Scores, reference log-probabilities and values of sampled answers, and the rewards and advantages that follow.</summary>
    public Rollout Score(Completion[] answers) => Advantages(Judge(answers));

    /// <summary>The updates of a step, from its rollout.</summary>
    public PpoOutcome Update(Rollout rollout, long step) =>
        _update.Run(rollout, step, _policyRates.At(step), _valueRates.At(step), trainPolicy: step > _options.ValueWarmUpSteps, _average, _options.Ema ?? 0);

    private Rollout Judge(Completion[] answers)
    {
        int[][] sequences = [.. answers.Select(static answer => answer.Tokens)];
        int[] promptLengths = [.. answers.Select(static answer => answer.Prompt.Length)];
        var offsets = new int[answers.Length + 1];
        for (var i = 0; i < answers.Length; i++)
        {
            offsets[i + 1] = offsets[i] + answers[i].Response.Length;
        }

        var raw = _rewardScorer.Rewards(sequences, promptLengths);
        if (_options.ScoreNormalization == ScoreNormalization.Running)
        {
            _scoreMoments += RunningMoments.Of(raw);
        }

        var scale = Scale;
        return new Rollout
        {
            Completions = answers,
            Offsets = offsets,
            LogProbabilities = [.. answers.SelectMany(static answer => answer.LogProbabilities)],
            ReferenceLogProbabilities = _referenceScorer.ResponseLogProbabilities(sequences, promptLengths, _options.Temperature).LogProbabilities,
            Values = _valueScorer.ResponseValues(sequences, promptLengths),
            RawScores = raw,
            SecondScores = _secondScorer?.Rewards(sequences, promptLengths) ?? [],
            Scores = [.. raw.Select(score => (float)scale.Apply(score))],
            Kl = new float[offsets[^1]],
            Advantages = new float[offsets[^1]],
            Returns = new float[offsets[^1]],
        };
    }

    private Rollout Advantages(Rollout r)
    {
        KlEstimators.PerToken(_options.KlEstimator, r.LogProbabilities, r.ReferenceLogProbabilities, r.Kl);
        var shaped = new float[r.Scores.Length];
        bool[] finished = [.. r.Completions.Select(static answer => answer.Finished)];
        ScoreShaping.Apply(r.Scores, finished, ScoreScale.None, _options.ScoreClip, _options.MissingEosPenalty, shaped);
        var rewards = new float[r.Kl.Length];
        Rewards.PerToken(r.Kl, r.Offsets, shaped, _klCoefficient, rewards);
        if (_options.WhitenRewards)
        {
            Whitening.Whiten(rewards, rewards, keepMean: true);
        }

        GeneralizedAdvantage.Compute(rewards, r.Values, r.Offsets, _options.Gamma, _options.Lambda, r.Advantages, r.Returns);
        if (_options.WhitenAdvantages)
        {
            Whitening.Whiten(r.Advantages, r.Advantages);
        }

        return r;
    }

    private void Log(long step, Rollout r, PpoOutcome outcome, double kl, double rolloutSeconds, double scoreSeconds, double updateSeconds)
    {
        var score = r.Scores.Average();
        var seconds = rolloutSeconds + scoreSeconds + updateSeconds;
        if (!double.IsFinite(score) || !double.IsFinite(kl))
        {
            throw new RunFailedException(
                FormattableString.Invariant(
                    $"PPO step {step}: the mean score is {score}, the KL {kl}. The last checkpoint is good; a lower learning_rate may help."));
        }

        var values = new List<(Metric, double)>
        {
            (AnswerMetrics.Score, score),
            (PpoMetrics.ScoreDeviation, Math.Sqrt(RunningMoments.Of(r.Scores).Variance)),
            (PpoMetrics.RawScore, r.RawScores.Average()),
            (AnswerMetrics.Kl, kl),
            (PpoMetrics.Objective, score - (_klCoefficient * kl)),
            (AnswerMetrics.ResponseLength, (double)r.Offsets[^1] / r.Completions.Length),
            (AnswerMetrics.EosShare, r.Completions.Count(static answer => answer.Finished) / (double)r.Completions.Length),
            (AnswerMetrics.DistinctShare, r.Completions.Select(static answer => string.Join(',', answer.Response)).Distinct()
                .Count() / (double)r.Completions.Length),
            (PpoMetrics.KlCoefficient, _klCoefficient),
            (TrainingMetrics.TokensPerSecond, r.Offsets[^1] / seconds),
            (PpoMetrics.SecondsRollout, rolloutSeconds),
            (PpoMetrics.SecondsScore, scoreSeconds),
            (PpoMetrics.SecondsUpdate, updateSeconds),
        };
        if (r.SecondScores.Length > 0)
        {
            values.Add((PpoMetrics.SecondScore, r.SecondScores.Average()));
        }

        outcome.AddTo(values);
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
        numbers["score_count"] = _scoreMoments.Count;
        numbers["score_mean"] = _scoreMoments.Mean;
        numbers["score_squared_deviations"] = _scoreMoments.SquaredDeviations;
        _update.AddTo(buffers, numbers);
        if (_average is not null)
        {
            buffers.Add("average.parameters", _average.Floats);
        }
    }

    void ITrainer.Restored(IDictionary<string, double> numbers)
    {
        _klCoefficient = numbers["kl_coefficient"];
        _scoreMoments = new RunningMoments((long)numbers["score_count"], numbers["score_mean"], numbers["score_squared_deviations"]);
        _update.Restored(numbers);
    }

    /// <summary>Mean over answers of the sum over tokens of log p - log p of the reference: k1, whatever estimator the reward uses.</summary>
    private static double SequenceKl(Rollout r) => KlEstimators.LogRatio(r.LogProbabilities, r.ReferenceLogProbabilities) / r.Completions.Length;

    private static double Lap(Stopwatch clock)
    {
        var seconds = clock.Elapsed.TotalSeconds;
        clock.Restart();
        return seconds;
    }
}
