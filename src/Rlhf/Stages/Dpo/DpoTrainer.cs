using System.Diagnostics;
using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Dpo;

/// <summary>What a run ended with.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="TrainLoss">Mean loss of the last epoch's steps.</param>
/// <param name="TrainAccuracy">Accuracy of the implicit reward in the last epoch's steps, measured before each update.</param>
public sealed record DpoResult(long Steps, double TrainLoss, double TrainAccuracy);

/// <summary>
/// Trains a policy on preferences among given answers. A prompt with its K answers is one batch element; the answers share the rows of their prompt, forward
/// and backward, except under dropout. The reference's log-probabilities come with the rows: there is one model in memory.
/// </summary>
public sealed class DpoTrainer : ITrainer, IDisposable
{
    private readonly DpoOptions _options;
    private readonly PreferenceLossOptions _loss;
    private readonly Decoder _decoder;
    private readonly IReadOnlyList<PreferenceRow> _train;
    private readonly IReadOnlyList<PreferenceRow> _validation;
    private readonly ITrainingHost _host;
    private readonly Action<long>? _judge;
    private readonly ulong _seed;
    private readonly TrainingPass _pass;
    private readonly Scorer _scorer;
    private readonly BatchContexts _contexts;
    private readonly LearningRateSchedule _learningRates;
    private readonly int _stepsPerEpoch;
    private double _epochLoss;
    private double _epochCorrect;
    private long _epochCompared;
    private int _epochSteps;

    /// <summary>Prepares a run.</summary>
    /// <param name="options">The stage's options.</param>
    /// <param name="decoder">A trainable model with a language head; trained in place.</param>
    /// <param name="train">The training rows, with their reference where the loss has one.</param>
    /// <param name="validation">The held-out rows, with the start's log-probabilities; may be empty.</param>
    /// <param name="seed">The stage's seed.</param>
    /// <param name="host">Metrics, checkpoints, cancellation.</param>
    /// <param name="arena">Memory for activations, which others may use in turn.</param>
    /// <param name="judge">Has the present policy answer the held-out prompts after a step; null without any.</param>
    public DpoTrainer(
        DpoOptions options, Decoder decoder, IReadOnlyList<PreferenceRow> train, IReadOnlyList<PreferenceRow> validation, ulong seed, ITrainingHost host,
        Arena arena, Action<long>? judge = null)
    {
        (_options, _decoder, _train, _validation, _host, _seed, _judge) = (options, decoder, train, validation, host, seed, judge);
        _loss = options.ToLoss();
        _pass = new TrainingPass(decoder, options.Adam, options.MaxGradientNorm, "policy", options.RecomputeActivations, arena);
        _scorer = new Scorer(decoder, options.MicroBatchTokens, arena);
        _contexts = new BatchContexts(options, _scorer);
        _stepsPerEpoch = (train.Count + options.Batch - 1) / options.Batch;
        TotalSteps = options.StepsOn(train.Count);
        _learningRates = options.LearningRates(TotalSteps);
    }

    /// <summary>Optimizer steps of the whole run.</summary>
    public long TotalSteps { get; }

    /// <summary>Rows that a prompt with its answers takes in a batch: the prompt's once where the answers share it.</summary>
    public static int RowsOf(PreferenceRow row, DpoOptions options, Func<int, int>? kindOf = null) => SharesPrompts(options)
        ? FamiliesOf(row, kindOf).Sum(family => family.Rows(Sequences(row)))
        : row.Answers.Sum(static answer => answer.Tokens.Length);

    int ITrainer.CheckpointEvery => _options.CheckpointEvery;

    string ITrainer.Note => $"loss {EpochLoss:F3}";

    private double EpochLoss => _epochLoss / Math.Max(1, _epochSteps);

    /// <summary>Trains to the end, or throws <see cref="OperationCanceledException"/> after a checkpoint.</summary>
    public DpoResult Run()
    {
        new TrainingLoop(this, _host, _decoder.Device).Run();
        return new DpoResult(TotalSteps, EpochLoss, _epochCorrect / Math.Max(1, _epochCompared));
    }

    void ITrainer.Begin()
    {
        if (_validation.Count > 0)
        {
            LogHeldOut(0);
        }
    }

    /// <summary>The held-out rows under the present policy, row by row. The likelihood of prompts, where the loss has it, is left out.</summary>
    public IReadOnlyList<HeldOutRow> Judge(IReadOnlyList<PreferenceRow> rows)
    {
        var options = PreferenceBatch.LearnsPrompts(_loss) ? _options with { LikelihoodMean = LikelihoodMean.BatchTokens } : _options;
        var contexts = new BatchContexts(options, _scorer);
        var (context, policy) = (contexts.Of(rows), contexts.LogProbabilities(rows));
        var (judged, at, pairs) = (new List<HeldOutRow>(), 0, 0);
        foreach (var row in rows)
        {
            var batch = new PreferenceBatch(options);
            batch.Add(row);
            var own = policy.AsSpan(at, row.Answers.Sum(static answer => answer.ResponseLength));
            judged.Add(HeldOutRow.Of(row, batch.Compute(own, context, pairs, new float[own.Length]), own));
            (at, pairs) = (at + own.Length, pairs + row.Pairs.Count);
        }

        return judged;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _scorer.Dispose();
    }

    /// <summary>One optimizer step (from 1): its rows, what the loss needs of all of them, forward, backward, update, log.</summary>
    public void TrainStep(long step)
    {
        var watch = Stopwatch.GetTimestamp();
        var epoch = (int)((step - 1) / _stepsPerEpoch);
        var first = (int)((step - 1) % _stepsPerEpoch) * _options.Batch;
        if (first == 0)
        {
            (_epochLoss, _epochCorrect, _epochCompared, _epochSteps) = (0, 0, 0, 0);
        }

        var order = EpochOrder.Of(_train.Count, _seed, epoch);
        var batch = order.AsSpan(first, Math.Min(_options.Batch, _train.Count - first)).ToArray().Select(row => _train[row]).ToArray();
        var whole = _contexts.Of(batch);
        var (statistics, tokens) = Accumulate(batch, whole, step);
        var learningRate = _learningRates.At(step);
        var norm = _pass.Optimizer.Step(learningRate);
        (_epochLoss, _epochCorrect) = (_epochLoss + statistics.Loss, _epochCorrect + statistics.Correct);
        (_epochCompared, _epochSteps) = (_epochCompared + statistics.Compared, _epochSteps + 1);
        List<(Metric, double)> values =
        [
            (TrainingMetrics.Loss, statistics.Loss), (DpoMetrics.Accuracy, statistics.Accuracy), (DpoMetrics.Margin, statistics.MeanMargin),
            (DpoMetrics.ChosenReward, statistics.BetterReward), (DpoMetrics.RejectedReward, statistics.WorseReward),
            (DpoMetrics.ChosenLogProbability, statistics.BetterLogProbability), (DpoMetrics.RejectedLogProbability, statistics.WorseLogProbability),
            (DpoMetrics.ReferencePoint, HasPoint ? whole.Point : double.NaN), (TrainingMetrics.LearningRate, learningRate),
            (TrainingMetrics.GradientNorm, norm), (TrainingMetrics.TokensPerSecond, tokens / Stopwatch.GetElapsedTime(watch).TotalSeconds),
        ];
        _host.Log(step, [.. values.Where(static value => !double.IsNaN(value.Item2))]); // KTO's batch may lack one kind of answers
    }

    private bool HasPoint => _options is { Loss: PreferenceObjective.Kto, ReferencePoint: true } or { Loss: PreferenceObjective.BcoPair, RewardShift: true };

    private (PreferenceStatistics Statistics, int Tokens) Accumulate(PreferenceRow[] batch, BatchContext whole, long step)
    {
        var (statistics, tokens, pairs) = (default(PreferenceStatistics), 0, 0);
        foreach (var (start, end) in RowBudget.Split(batch.Length, i => RowsOf(batch[i], _options, _decoder.Config.RotaryRegime), _options.MicroBatchTokens))
        {
            _pass.Begin();
            var (part, firstRow, firstPair) = (new PreferenceBatch(_options), (uint)tokens, pairs);
            foreach (var row in batch.AsSpan(start, end - start))
            {
                part.Add(row);
                AddTo(_pass.Batch, row);
                pairs += row.Pairs.Count;
                tokens += row.Answers.Sum(static answer => answer.Tokens.Length);
            }

            _pass.Forward(new TrainingNoise(new Dropout((float)_options.Dropout, _seed, (ulong)step, firstRow), 0, _options.Adapter?.Dropout ?? 0));
            var (logs, gradients) = (new float[_pass.Batch.TargetCount], new float[_pass.Batch.TargetCount]);
            _pass.LanguageForward(logs, default);
            statistics += part.Compute(logs, whole, firstPair, gradients);
            _pass.Backward(gradients, default, default);
        }

        return (statistics, tokens);
    }

    private void AddTo(PackedBatch batch, PreferenceRow row)
    {
        if (SharesPrompts(_options))
        {
            foreach (var family in FamiliesOf(row, _decoder.Config.RotaryRegime))
            {
                batch.AddFamily(Sequences(row), family, lastRowOnly: false, _decoder.Device, _decoder.Shape);
            }

            return;
        }

        var prompts = PreferenceBatch.PromptTargets(row, _loss);
        for (var i = 0; i < row.Answers.Length; i++)
        {
            batch.Add(row.Answers[i].Tokens, row.Answers[i].PromptLength - prompts[i], _decoder.Device, _decoder.Shape);
        }
    }

    private static int[][] Sequences(PreferenceRow row) => [.. row.Answers.Select(static answer => answer.Tokens)];

    private static bool SharesPrompts(DpoOptions options) =>
        options is { Dropout: 0, Adapter: null or { Dropout: 0 } } && !PreferenceBatch.LearnsPrompts(options.ToLoss());

    private static IEnumerable<PromptFamily> FamiliesOf(PreferenceRow row, Func<int, int>? kindOf) =>
        PromptFamilies.Of(Sequences(row), [.. row.Answers.Select(static answer => answer.PromptLength)], kindOf);

    bool ITrainer.IsEvaluated(long step) =>
        (_validation.Count > 0 || _judge is not null)
            && (step == TotalSteps || (_options.EvaluateEvery > 0 ? step % _options.EvaluateEvery == 0 : step % _stepsPerEpoch == 0));

    void ITrainer.Evaluate(long step)
    {
        if (_validation.Count > 0)
        {
            LogHeldOut(step);
        }

        _judge?.Invoke(step);
    }

    private void LogHeldOut(long step)
    {
        _host.Log(step, [.. HeldOutSummary.Of(Judge(_validation)).ToMetrics()]);
    }

    void ITrainer.AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        _pass.Optimizer.AddTo(buffers);
        numbers["updates"] = _pass.Optimizer.Steps;
        numbers["epoch_loss"] = _epochLoss;
        numbers["epoch_correct"] = _epochCorrect;
        numbers["epoch_compared"] = _epochCompared;
        numbers["epoch_steps"] = _epochSteps;
    }

    void ITrainer.Restored(IDictionary<string, double> numbers)
    {
        _pass.Optimizer.Restored((long)numbers["updates"]);
        _epochLoss = numbers["epoch_loss"];
        _epochCorrect = numbers["epoch_correct"];
        _epochCompared = (long)numbers["epoch_compared"];
        _epochSteps = (int)numbers["epoch_steps"];
    }
}
