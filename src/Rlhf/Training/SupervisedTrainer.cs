using System.Diagnostics;
using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Text.Templates;

namespace Rlhf.Training;

/// <summary>What a supervised run ended with.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="TrainLoss">Mean loss per token of the last epoch's batches.</param>
/// <param name="Evaluations">Step and validation loss of each evaluation.</param>
/// <param name="BestStep">The step whose weights were kept.</param>
public sealed record SupervisedResult(long Steps, double TrainLoss, IReadOnlyList<(long Step, double Loss)> Evaluations, long BestStep);

/// <summary>
/// Next-token training: of responses (SFT) or of whole texts (pretraining). The loss is the token mean over the whole optimizer batch, however that batch is
/// split to fit memory.
/// </summary>
public sealed class SupervisedTrainer : ITrainer, IDisposable
{
    private readonly SupervisedOptions _options;
    private readonly double _noiseAlpha;
    private readonly Decoder _decoder;
    private readonly IReadOnlyList<EncodedSequence> _train;
    private readonly IReadOnlyList<EncodedSequence> _validation;
    private readonly ITrainingHost _host;
    private readonly Func<double>? _rewardOfModel;
    private readonly Action<long>? _watch;
    private readonly ulong _seed;
    private readonly TrainingPass _pass;
    private readonly Scorer _scorer;
    private readonly SupervisedSchedule _plan;
    private readonly LearningRateSchedule _learningRates;
    private readonly DeviceMemory? _best;
    private readonly EvaluationLosses _evaluations = new();
    private float[] _logProbabilities = [];
    private float[] _gradients = [];
    private double _epochLoss;
    private long _epochTokens;
    private double _lastEpochLoss;
    private double _bestValue = double.NegativeInfinity;
    private long _bestStep;

    /// <summary>Prepares a run.</summary>
    /// <param name="options">SFT's or pretraining's options.</param>
    /// <param name="decoder">A trainable model with a language head; its weights are trained in place.</param>
    /// <param name="train">The training sequences.</param>
    /// <param name="validation">The held-out sequences; may be empty.</param>
    /// <param name="seed">The stage's seed.</param>
    /// <param name="host">Metrics, checkpoints, cancellation.</param>
    /// <param name="arena">Memory for activations, which others may use in turn.</param>
    /// <param name="rewardOfModel">The mean reward of the present model's answers, for <see cref="KeepBest.Reward"/>.</param>
    /// <param name="watch">Looks at the model before the first step and at each evaluation, and logs what it sees; null: nobody does.</param>
    public SupervisedTrainer(
        SupervisedOptions options, Decoder decoder, IReadOnlyList<EncodedSequence> train, IReadOnlyList<EncodedSequence> validation, ulong seed,
        ITrainingHost host, Arena arena, Func<double>? rewardOfModel = null, Action<long>? watch = null)
    {
        (_options, _decoder, _train, _validation, _host, _seed) = (options, decoder, train, validation, host, seed);
        (_rewardOfModel, _watch) = (rewardOfModel, watch);
        _noiseAlpha = options.EmbeddingNoise;
        _pass = new TrainingPass(decoder, options.Adam, options.MaxGradientNorm, "policy", options.RecomputeActivations, arena);
        _scorer = new Scorer(decoder, options.MicroBatchTokens, arena);
        _plan = new SupervisedSchedule(options, [.. train.Select(static row => row.Tokens.Length)], seed);
        _learningRates = options.LearningRates(_plan.TotalSteps);
        _best = Keeps ? decoder.Device.Allocate(decoder.Parameters.Length) : null;
    }

    private bool Keeps => _options.KeepBest == KeepBest.Reward || (_options.KeepBest == KeepBest.ValidationLoss && _validation.Count > 0);

    /// <summary>Optimizer steps of the whole run.</summary>
    public long TotalSteps => _plan.TotalSteps;

    int ITrainer.CheckpointEvery => _options.CheckpointEvery;

    string ITrainer.Note => $"loss {_epochLoss / Math.Max(1, _epochTokens):F3}";

    /// <summary>Trains to the end, or throws <see cref="OperationCanceledException"/> after a checkpoint.</summary>
    public SupervisedResult Run()
    {
        new TrainingLoop(this, _host, _decoder.Device).Run();
        if (_best is not null && _bestStep > 0)
        {
            _decoder.Device.Copy(_best.Floats, _decoder.Parameters);
            _decoder.Refresh();
        }

        return new SupervisedResult(TotalSteps, _lastEpochLoss, _evaluations.All, _best is null ? TotalSteps : _bestStep);
    }

    void ITrainer.Begin() => _watch?.Invoke(0);

    /// <summary>Mean loss per trained token of sequences under the present weights.</summary>
    public double LossOf(IReadOnlyList<EncodedSequence> sequences)
    {
        var (sum, count) = (0.0, 0L);
        foreach (var portion in Portions.Of(sequences, static row => row.Tokens.Length))
        {
            var (logProbabilities, _) =
                _scorer.ResponseLogProbabilities([.. portion.Select(static row => row.Tokens)], [.. portion.Select(static row => row.PromptLength)]);
            var at = 0;
            foreach (var row in portion)
            {
                for (var t = 0; t < row.ResponseLength; t++, at++)
                {
                    if (row.TrainOn is null || row.TrainOn[t])
                    {
                        sum -= logProbabilities[at];
                        count++;
                    }
                }
            }
        }

        return sum / count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _scorer.Dispose();
        _best?.Dispose();
    }

    /// <summary>One optimizer step (from 1): its rows, forward, backward, update, log.</summary>
    public void TrainStep(long step)
    {
        var watch = Stopwatch.GetTimestamp();
        var (epoch, rows, isFirstOfEpoch) = _plan.RowsOf(step);
        if (isFirstOfEpoch)
        {
            (_epochLoss, _epochTokens) = (0, 0);
        }

        EncodedSequence[] batch = [.. rows.Select(row => _train[row])];
        var targets = batch.Sum(static row => (long)row.TrainedTokens);
        var (loss, tokens) = (0.0, 0);
        foreach (var (start, end) in RowBudget.Split(batch.Length, i => batch[i].Tokens.Length, _options.MicroBatchTokens))
        {
            _pass.Begin();
            foreach (var row in batch.AsSpan(start, end - start))
            {
                _pass.Batch.Add(row.Tokens, row.PromptLength, _decoder.Device, _decoder.Shape, row.MaskOverTokens());
            }

            var dropout = new Dropout((float)_options.Dropout, _seed, (ulong)step, (uint)tokens);
            _pass.Forward(new TrainingNoise(dropout, _noiseAlpha, _options.Adapter?.Dropout ?? 0));
            var count = _pass.Batch.TargetCount;
            Grow(count);
            _pass.LanguageForward(_logProbabilities.AsSpan(0, count), default);
            loss += CrossEntropy.TokenMean(_logProbabilities.AsSpan(0, count), targets, _gradients.AsSpan(0, count));
            _pass.Backward(_gradients.AsSpan(0, count), default, default);
            tokens += _pass.Batch.Rows;
        }

        var learningRate = _learningRates.At(step);
        var norm = _pass.Optimizer.Step(learningRate);
        _epochLoss += loss * targets;
        _epochTokens += targets;
        _lastEpochLoss = _epochLoss / _epochTokens;
        var seconds = Stopwatch.GetElapsedTime(watch).TotalSeconds;
        _host.Log(step, (TrainingMetrics.Loss, loss), (TrainingMetrics.LearningRate, learningRate), (TrainingMetrics.GradientNorm, norm),
            (TrainingMetrics.TokensPerSecond, tokens / seconds), (TrainingMetrics.Epoch, epoch));
    }

    bool ITrainer.IsEvaluated(long step) => _plan.IsEvaluated(step) && (_validation.Count > 0 || _rewardOfModel is not null || _watch is not null);

    void ITrainer.Evaluate(long step)
    {
        var loss = _validation.Count > 0 ? LossOf(_validation) : double.NaN;
        if (_validation.Count > 0)
        {
            _evaluations.Add(step, loss);
            _host.Log(step, (TrainingMetrics.ValidationLoss, loss));
        }

        var value = -loss;
        if (_options.KeepBest == KeepBest.Reward)
        {
            value = (_rewardOfModel ?? throw new InvalidOperationException("keep_best: reward needs a reward model."))();
            _host.Log(step, (TrainingMetrics.ValidationReward, value));
        }

        if (_best is not null && value > _bestValue)
        {
            (_bestValue, _bestStep) = (value, step);
            _decoder.Device.Copy(_decoder.Parameters, _best.Floats);
        }

        _watch?.Invoke(step);
    }

    void ITrainer.AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        _pass.Optimizer.AddTo(buffers);
        if (_best is not null)
        {
            buffers.Add("best.parameters", _best.Floats);
        }

        numbers["updates"] = _pass.Optimizer.Steps;
        numbers["epoch_loss"] = _epochLoss;
        numbers["epoch_tokens"] = _epochTokens;
        numbers["best_step"] = _bestStep;
        if (_bestStep > 0)
        {
            numbers["best_value"] = _bestValue;
        }

        _evaluations.AddTo(numbers);
    }

    void ITrainer.Restored(IDictionary<string, double> numbers)
    {
        _pass.Optimizer.Restored((long)numbers["updates"]);
        _epochLoss = numbers["epoch_loss"];
        _epochTokens = (long)numbers["epoch_tokens"];
        _lastEpochLoss = _epochLoss / Math.Max(1, _epochTokens);
        _bestStep = (long)numbers["best_step"];
        _bestValue = _bestStep > 0 ? numbers["best_value"] : double.NegativeInfinity;
        _evaluations.Restored(numbers);
    }

    private void Grow(int count)
    {
        if (_logProbabilities.Length < count)
        {
            (_logProbabilities, _gradients) = (new float[count], new float[count]);
        }
    }
}
