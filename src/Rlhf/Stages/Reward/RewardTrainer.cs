using System.Diagnostics;
using System.Runtime.InteropServices;
using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Reward;

/// <summary>What a reward-model run ended with.</summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="TrainLoss">Mean loss of the last epoch's steps.</param>
/// <param name="TrainAccuracy">Pair accuracy of the last epoch's steps, measured before each update; null where all pairs are ties.</param>
/// <param name="Evaluations">Step and loss on the held-out rankings.</param>
public sealed record RewardResult(long Steps, double TrainLoss, double? TrainAccuracy, IReadOnlyList<(long Step, double Loss)> Evaluations);

/// <summary>
/// Trains a scalar head and its trunk on rankings (Ouyang 2022, section 3.5): a prompt with its K answers is one batch element, K forward passes give all
/// C(K,2) pairs. The answers share
/// the rows of their prompt, forward and backward, except under dropout: a mask is drawn for each row, and each answer is to see a mask of its own.
/// </summary>
public sealed class RewardTrainer : ITrainer, IDisposable
{
    private readonly RewardOptions _options;
    private readonly Decoder _decoder;
    private readonly IReadOnlyList<EncodedRanking> _train;
    private readonly IReadOnlyList<EncodedRanking> _validation;
    private readonly EpochOrders _orders;
    private readonly ITrainingHost _host;
    private readonly ulong _seed;
    private readonly TrainingPass _pass;
    private readonly Scorer _scorer;
    private readonly LearningRateSchedule _learningRates;
    private readonly RankingLossOptions _loss;
    private readonly bool _onlyChecks;
    private readonly int _stepsPerEpoch;
    private readonly EvaluationLosses _evaluations = new();
    private double _epochLoss;
    private double _epochCorrect;
    private long _epochDecided;
    private int _epochSteps;

    /// <summary>Prepares a run.</summary>
    /// <param name="options">The stage's options.</param>
    /// <param name="decoder">A trainable model with a scalar head; trained in place.</param>
    /// <param name="train">The training rankings.</param>
    /// <param name="validation">The held-out rankings; may be empty.</param>
    /// <param name="seed">The seed of this model.</param>
    /// <param name="host">Metrics, checkpoints, cancellation.</param>
    /// <param name="arena">Memory for activations, which others may use in turn.</param>
    /// <param name="onlyChecks">Whether it is the model that only checks, which logs as <c>second_...</c>.</param>
    public RewardTrainer(
        RewardOptions options, Decoder decoder, IReadOnlyList<EncodedRanking> train, IReadOnlyList<EncodedRanking> validation, ulong seed, ITrainingHost host,
        Arena arena,
        bool onlyChecks = false)
    {
        (_options, _decoder, _train, _validation, _host, _seed, _onlyChecks) = (options, decoder, train, validation, host, seed, onlyChecks);
        _orders = new EpochOrders(train.Count, seed);
        _pass = new TrainingPass(decoder, options.Adam, options.MaxGradientNorm, "reward", options.RecomputeActivations, arena);
        _scorer = new Scorer(decoder, options.MicroBatchTokens, arena);
        _stepsPerEpoch = (train.Count + options.Batch - 1) / options.Batch;
        TotalSteps = options.StepsOn(train.Count);
        _learningRates = options.LearningRates(TotalSteps);
        _loss = new RankingLossOptions { Ties = options.Ties, LabelSmoothing = options.LabelSmoothing, Centering = options.Centering };
    }

    /// <summary>Optimizer steps of the whole run.</summary>
    public long TotalSteps { get; }

    /// <summary>Fills the scalar head of a model that has none yet: normal with variance 1 / (C + 1) (Stiennon 2020), or zero.</summary>
    public static void InitializeHead(Decoder decoder, HeadInitialization initialization, ulong seed)
    {
        var weights = new float[decoder.Config.EmbeddingWidth];
        if (initialization == HeadInitialization.Normal)
        {
            Philox.Normal(weights, seed, 0, (float)(1 / Math.Sqrt(weights.Length + 1)));
        }

        decoder.Device.CopyIn(weights, decoder.ScalarWeights);
        decoder.Device.Fill(decoder.ScalarBiases, 0f);
    }

    /// <summary>Moves the bias so that the given sequences score 0 on average (Ouyang 2022, section 3.5). What is saved of it is the shift.</summary>
    public static void CenterOn(Decoder decoder, IReadOnlyList<int[]> demonstrations, int rowBudget)
    {
        using var scorer = new Scorer(decoder, rowBudget);
        var bias = decoder.ScalarBiases;
        Span<float> value = stackalloc float[1];
        decoder.Device.CopyOut(bias, value);
        value[0] += (float)BiasNormalisation.BiasToAdd(scorer.Rewards(demonstrations));
        decoder.Device.CopyIn(value, bias);
    }

    /// <summary>Whether the answers of a ranking share the rows of their prompt.</summary>
    public static bool SharesPrompts(RewardOptions options) => options is { Dropout: 0, Adapter: null or { Dropout: 0 } };

    /// <summary>Rows that a ranking takes in a batch: those of its answers, the prompt's once where they share it.</summary>
    public static int RowsOf(EncodedRanking ranking, RewardOptions options, Func<int, int>? kindOf = null) =>
        FamiliesOf(ranking, options, kindOf).Sum(family => family.Rows(Sequences(ranking)));

    int ITrainer.CheckpointEvery => _options.CheckpointEvery;

    string ITrainer.Note => $"loss {EpochLoss:F3}";

    private double EpochLoss => _epochLoss / Math.Max(1, _epochSteps);

    /// <summary>Trains to the end, or throws <see cref="OperationCanceledException"/> after a checkpoint.</summary>
    public RewardResult Run()
    {
        new TrainingLoop(this, _host, _decoder.Device).Run();
        return new RewardResult(TotalSteps, EpochLoss, _epochDecided == 0 ? null : _epochCorrect / _epochDecided, _evaluations.All);
    }

    // A new model's first loss says nothing; another one's tells what it lost or kept of the last round.
    void ITrainer.Begin()
    {
        if (_options.StartFrom == RoundStart.Previous && _validation.Count > 0)
        {
            ((ITrainer)this).Evaluate(0);
        }
    }

    /// <summary>Loss and accuracy over rankings under the present weights.</summary>
    public RankingStatistics StatisticsOf(IReadOnlyList<EncodedRanking> rankings)
    {
        var rewards = new List<float>();
        var pairs = new RankingBatch(_options.Margin);
        foreach (var portion in Portions.Of(rankings, static ranking => ranking.Answers.Sum(static answer => answer.Tokens.Length)))
        {
            EncodedSequence[] answers = [.. portion.SelectMany(static ranking => ranking.Answers)];
            rewards.AddRange(_scorer.Rewards([.. answers.Select(static answer => answer.Tokens)], [.. answers.Select(static answer => answer.PromptLength)]));
            foreach (var ranking in portion)
            {
                pairs.Add(ranking);
            }
        }

        var divisor = pairs.Divisor(_loss.Ties);
        return divisor > 0 ? pairs.Compute(CollectionsMarshal.AsSpan(rewards), divisor, _loss, new float[rewards.Count]) : default;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _scorer.Dispose();
    }

    /// <summary>One optimizer step (from 1): its rankings, forward, backward, update, log.</summary>
    public void TrainStep(long step)
    {
        var watch = Stopwatch.GetTimestamp();
        var epoch = (step - 1) / _stepsPerEpoch;
        var first = (int)((step - 1) % _stepsPerEpoch) * _options.Batch;
        if (first == 0)
        {
            (_epochLoss, _epochCorrect, _epochDecided, _epochSteps) = (0, 0, 0, 0);
        }

        EncodedRanking[] batch =
            [.. _orders.Range((epoch * _train.Count) + first, Math.Min(_options.Batch, _train.Count - first)).Select(row => _train[row])];
        var (statistics, tokens) = Accumulate(batch, step);
        if (statistics.Pairs == 0)
        {
            return; // a batch of ties alone: there is nothing to learn and no loss
        }

        var learningRate = _learningRates.At(step);
        var norm = _pass.Optimizer.Step(learningRate);
        _epochLoss += statistics.Loss;
        _epochCorrect += statistics.Correct;
        _epochDecided += statistics.Decided;
        _epochSteps++;
        Log(
            step, statistics, TrainingMetrics.Loss, RewardMetrics.Accuracy, (Own(TrainingMetrics.LearningRate), learningRate),
            (Own(TrainingMetrics.GradientNorm), norm),
            (Own(TrainingMetrics.TokensPerSecond), tokens / Stopwatch.GetElapsedTime(watch).TotalSeconds));
    }

    private (RankingStatistics Statistics, int Tokens) Accumulate(EncodedRanking[] batch, long step)
    {
        var whole = new RankingBatch(_options.Margin);
        foreach (var ranking in batch)
        {
            whole.Add(ranking);
        }

        var divisor = whole.Divisor(_loss.Ties);
        var (statistics, tokens) = (default(RankingStatistics), 0);
        if (divisor <= 0)
        {
            return (statistics, tokens);
        }

        foreach (var (start, end) in RowBudget.Split(batch.Length, i => RowsOf(batch[i], _options, _decoder.Config.RotaryRegime), _options.MicroBatchTokens))
        {
            _pass.Begin();
            var (part, firstRow) = (new RankingBatch(_options.Margin), (uint)tokens);
            foreach (var ranking in batch.AsSpan(start, end - start))
            {
                part.Add(ranking);
                var sequences = Sequences(ranking);
                foreach (var family in FamiliesOf(ranking, _options, _decoder.Config.RotaryRegime))
                {
                    _pass.Batch.AddFamily(sequences, family, lastRowOnly: true, _decoder.Device, _decoder.Shape);
                }

                tokens += sequences.Sum(static sequence => sequence.Length);
            }

            _pass.Forward(new TrainingNoise(new Dropout((float)_options.Dropout, _seed, (ulong)step, firstRow), 0, _options.Adapter?.Dropout ?? 0));
            var (rewards, gradients) = (new float[part.Answers], new float[part.Answers]);
            _pass.ScalarForward(rewards);
            statistics += part.Compute(rewards, divisor, _loss, gradients);
            _pass.Backward(default, default, gradients);
        }

        return (statistics, tokens);
    }

    private static int[][] Sequences(EncodedRanking ranking) => [.. ranking.Answers.Select(static answer => answer.Tokens)];

    private static IEnumerable<PromptFamily> FamiliesOf(EncodedRanking ranking, RewardOptions options, Func<int, int>? kindOf) =>
        PromptFamilies.Of(Sequences(ranking), SharesPrompts(options) ? [.. ranking.Answers.Select(static answer => answer.PromptLength)] : null, kindOf);

    bool ITrainer.IsEvaluated(long step) =>
        _validation.Count > 0 && (step == TotalSteps || (_options.EvaluateEvery > 0 ? step % _options.EvaluateEvery == 0 : step % _stepsPerEpoch == 0));

    void ITrainer.Evaluate(long step)
    {
        var statistics = StatisticsOf(_validation);
        if (statistics.Pairs == 0)
        {
            return; // ties alone: a loss of 0 would look like a perfect model
        }

        _evaluations.Add(step, statistics.Loss);
        Log(step, statistics, TrainingMetrics.ValidationLoss, RewardMetrics.ValidationAccuracy);
    }

    /// <summary>Loss and accuracy, this one only where a pair is decided, and what else is known of the step.</summary>
    private void Log(long step, RankingStatistics statistics, Metric loss, Metric accuracy, params ReadOnlySpan<(Metric Metric, double Value)> others)
    {
        ReadOnlySpan<(Metric Metric, double Value)> share = statistics.Accuracy is { } correct ? [(Own(accuracy), correct)] : [];
        _host.Log(step, [(Own(loss), statistics.Loss), .. share, .. others]);
    }

    private Metric Own(Metric metric) => _onlyChecks ? RewardMetrics.OfSecondModel(metric) : metric;

    void ITrainer.AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        _pass.Optimizer.AddTo(buffers);
        numbers["updates"] = _pass.Optimizer.Steps;
        numbers["epoch_loss"] = _epochLoss;
        numbers["epoch_correct"] = _epochCorrect;
        numbers["epoch_decided"] = _epochDecided;
        numbers["epoch_steps"] = _epochSteps;
        _evaluations.AddTo(numbers);
    }

    void ITrainer.Restored(IDictionary<string, double> numbers)
    {
        _pass.Optimizer.Restored((long)numbers["updates"]);
        _epochLoss = numbers["epoch_loss"];
        _epochCorrect = numbers["epoch_correct"];
        _epochDecided = (long)numbers["epoch_decided"];
        _epochSteps = (int)numbers["epoch_steps"];
        _evaluations.Restored(numbers);
    }
}
