using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What the updates of one PPO step saw.</summary>
/// <param name="Policy">Null while only the value network is trained.</param>
/// <param name="Value">The value loss.</param>
/// <param name="FirstLogRatio">Largest |trainer - rollout| log-probability before the first update: 0 in float32, measured in bfloat16. Null while only the
/// value network is trained.</param>
/// <param name="PolicyNorm">Mean gradient norm of the policy.</param>
/// <param name="ValueNorm">Mean gradient norm of the value network; null with a shared trunk.</param>
/// <param name="PolicyRate">The learning rate.</param>
/// <param name="PretrainingLoss">Mean next-token loss of the ptx text; null without ptx.</param>
/// <param name="Minibatches">Minibatches done; fewer than planned after an early stop.</param>
/// <param name="StoppedEarly">The approximate KL went above target_kl.</param>
public sealed record PpoOutcome(
    PpoPolicyStatistics? Policy, PpoValueStatistics Value, double? FirstLogRatio, double PolicyNorm, double? ValueNorm, double PolicyRate,
    double? PretrainingLoss, int Minibatches, bool StoppedEarly)
{
    public void AddTo(List<(Metric, double)> values)
    {
        values.Add((PpoMetrics.ValueLoss, Value.Loss));
        values.Add((PpoMetrics.ValueClipFraction, Value.ClipFraction));
        values.Add((TrainingMetrics.LearningRate, PolicyRate));
        values.Add((PpoMetrics.Minibatches, Minibatches));
        values.Add((PpoMetrics.StoppedEarly, StoppedEarly ? 1 : 0));
        Add(PpoMetrics.ExplainedVariance, Value.ExplainedVariance);
        Add(PpoMetrics.ValueGradientNorm, ValueNorm);
        Add(PpoMetrics.LogprobDifference, FirstLogRatio);
        Add(PpoMetrics.PtxLoss, PretrainingLoss);
        if (Policy is { } policy)
        {
            values.Add((PpoMetrics.PolicyLoss, policy.PolicyLoss));
            values.Add((AnswerMetrics.Entropy, policy.Entropy));
            values.Add((PpoMetrics.ClipFraction, policy.ClipFraction));
            values.Add((PpoMetrics.ApproximateKl, policy.ApproximateKlK3));
            values.Add((TrainingMetrics.GradientNorm, PolicyNorm));
        }

        void Add(Metric metric, double? value)
        {
            if (value is { } number)
            {
                values.Add((metric, number));
            }
        }
    }
}

/// <summary>The updates of a PPO step: inner epochs of minibatches, each split into micro-batches that fit memory.</summary>
internal sealed class PpoUpdate : IDisposable
{
    private readonly PpoOptions _options;
    private readonly IReadOnlyList<EncodedSequence> _pretraining;
    private readonly EpochOrders _pretrainingOrders;
    private readonly ulong _seed;
    private readonly TrainingPass _policy;
    private readonly TrainingPass? _value;
    private long _pretrainingRows;

    public PpoUpdate(PpoOptions options, PpoModels models, IReadOnlyList<EncodedSequence> pretraining, ulong seed, Arena arena)
    {
        (_options, _pretraining, _seed) = (options, pretraining, seed);
        _pretrainingOrders = new EpochOrders(pretraining.Count, seed);
        _policy = new TrainingPass(models.Policy, options.Adam, options.MaxGradientNorm, "policy", options.RecomputeActivations, arena);
        _value = models.Value is null
            ? null
            : new TrainingPass(models.Value, options.Adam, options.MaxGradientNorm, "value", options.RecomputeActivations, arena);
    }

    /// <summary>The updates from one step's rollouts.</summary>
    /// <param name="rollout">The answers with scores, advantages and returns.</param>
    /// <param name="step">The PPO step, from 1.</param>
    /// <param name="policyRate">The policy's learning rate.</param>
    /// <param name="valueRate">The value network's.</param>
    /// <param name="trainPolicy">Whether the policy is trained, or the value network alone.</param>
    /// <param name="average">The running mean of the policy's weights; null for none.</param>
    /// <param name="decay">Its decay.</param>
    public PpoOutcome Run(Rollout rollout, long step, double policyRate, double valueRate, bool trainPolicy, DeviceMemory? average, double decay)
    {
        var (policy, value) = (default(PpoPolicyStatistics), default(PpoValueStatistics));
        var (policyNorm, valueNorm, pretrainingLoss) = (0.0, 0.0, 0.0);
        double? firstLogRatio = null;
        var (minibatches, stopped) = (0, false);
        for (var epoch = 0; epoch < _options.InnerEpochs && !stopped; epoch++)
        {
            // 4.1 Order: prompts shuffled anew in every inner epoch.
            var order = Order(rollout.Completions.Length, step, epoch);
            for (var first = 0; first < order.Length && !stopped; first += _options.Minibatch)
            {
                // 4.2 Policy loss and 4.3 value loss: forward and backward, micro-batch by micro-batch.
                var rows = order.AsSpan(first, Math.Min(_options.Minibatch, order.Length - first)).ToArray();
                var (p, v) = Accumulate(rollout, rows, trainPolicy);
                (policy, value) = (policy + p, value + v);
                firstLogRatio ??= trainPolicy ? p.LargestLogRatio : null;
                minibatches++;

                // 4.4 Pretraining gradients (ptx) on top of the policy's.
                pretrainingLoss += trainPolicy ? AccumulatePretraining(rows.Length) : 0;

                // 4.5 Optimizer.
                valueNorm += _value?.Optimizer.Step(valueRate) ?? 0;
                if (!trainPolicy && _value is not null)
                {
                    continue;
                }

                policyNorm += _policy.Optimizer.Step(policyRate);

                // 4.6 Running mean of the weights, and early stop.
                if (average is not null)
                {
                    _policy.Decoder.Device.MoveTowards(average.Floats, _policy.Decoder.Parameters, (float)(1 - decay));
                }

                stopped = trainPolicy && _options.TargetKl is { } target && p.ApproximateKlK3 > target;
            }
        }

        return new PpoOutcome(
            trainPolicy ? policy : null, value, firstLogRatio, policyNorm / minibatches, _value is null ? null : valueNorm / minibatches, policyRate,
            _pretraining.Count > 0 && trainPolicy ? pretrainingLoss / minibatches : null, minibatches, stopped);
    }

    public void AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        _policy.Optimizer.AddTo(buffers);
        _value?.Optimizer.AddTo(buffers);
        numbers["policy_updates"] = _policy.Optimizer.Steps;
        numbers["value_updates"] = _value?.Optimizer.Steps ?? 0;
        numbers["pretraining_rows"] = _pretrainingRows;
    }

    public void Restored(IDictionary<string, double> numbers)
    {
        _policy.Optimizer.Restored((long)numbers["policy_updates"]);
        _value?.Optimizer.Restored((long)numbers["value_updates"]);
        _pretrainingRows = (long)numbers["pretraining_rows"];
    }

    public void Dispose()
    {
        _policy.Dispose();
        _value?.Dispose();
    }

    /// <summary>The rollouts in the order of an inner epoch: prompts are shuffled, and the rollouts of one prompt stay together, so that they share its
    /// rows.</summary>
    private int[] Order(int rollouts, long step, int epoch)
    {
        var perPrompt = _options.RolloutsPerPrompt;
        var prompts = EpochOrder.Of(rollouts / perPrompt, Philox.Derive(_seed, (ulong)step), epoch);
        return [.. prompts.SelectMany(prompt => Enumerable.Range(prompt * perPrompt, perPrompt))];
    }

    /// <summary>Adds the gradients of one minibatch, micro-batch by micro-batch; losses are means over the minibatch's response tokens.</summary>
    private (PpoPolicyStatistics Policy, PpoValueStatistics Value) Accumulate(Rollout rollout, int[] rows, bool trainPolicy)
    {
        var total = rows.Sum(row => (long)rollout.Completions[row].Response.Length);
        var (policy, value) = (default(PpoPolicyStatistics), default(PpoValueStatistics));
        var (sequences, promptLengths) = PpoMicroBatch.Sequences(rollout, rows);
        foreach (var group in PromptFamilies.Split(sequences, promptLengths, _options.MicroBatchTokens))
        {
            var part = new PpoMicroBatch(rollout, rows.AsSpan(group[0].Start..group[^1].End));
            if (_value is null)
            {
                var (p, v) = SharedTrunk(part, total, trainPolicy);
                (policy, value) = (policy + p, value + v);
                continue;
            }

            if (trainPolicy)
            {
                policy += PolicyOnly(part, total);
            }

            value += ValueOnly(part, total);
        }

        return (policy, value);
    }

    private PpoPolicyStatistics PolicyOnly(PpoMicroBatch part, long total)
    {
        part.Fill(_policy);
        _policy.Forward();
        var (statistics, gradient, entropyGradient) = PolicyLoss(part, total);
        _policy.Backward(gradient, entropyGradient, default);
        return statistics;
    }

    private PpoValueStatistics ValueOnly(PpoMicroBatch part, long total)
    {
        part.Fill(_value!);
        _value!.Forward();
        var (statistics, gradient) = ValueLoss(_value, part, total, coefficient: 1);
        _value.Backward(default, default, gradient);
        return statistics;
    }

    private (PpoPolicyStatistics Policy, PpoValueStatistics Value) SharedTrunk(PpoMicroBatch part, long total, bool trainPolicy)
    {
        part.Fill(_policy);
        _policy.Forward();
        var (policy, gradient, entropyGradient) = trainPolicy ? PolicyLoss(part, total) : (default, [], []);
        var (value, valueGradient) = ValueLoss(_policy, part, total, _options.ValueCoefficient);
        _policy.Backward(gradient, entropyGradient, valueGradient);
        return (policy, value);
    }

    private (PpoPolicyStatistics Statistics, float[] Gradient, float[] EntropyGradient) PolicyLoss(PpoMicroBatch part, long total)
    {
        var (logProbabilities, entropies, gradient) = (new float[part.Tokens], new float[part.Tokens], new float[part.Tokens]);
        _policy.LanguageForward(logProbabilities, entropies, _options.Temperature);
        var statistics = PpoPolicyLoss.Compute(
            logProbabilities, part.OldLogProbabilities, part.Advantages, entropies, total, _options.ClipRange, _options.DualClip, _options.EntropyCoefficient,
            gradient, out var entropySlope);
        float[] entropyGradient = [];
        if (_options.EntropyCoefficient != 0)
        {
            entropyGradient = new float[part.Tokens];
            entropyGradient.AsSpan().Fill(entropySlope);
        }

        return (statistics, gradient, entropyGradient);
    }

    private (PpoValueStatistics Statistics, float[] Gradient) ValueLoss(TrainingPass pass, PpoMicroBatch part, long total, double coefficient)
    {
        var (values, gradient) = (new float[part.Tokens], new float[part.Tokens]);
        pass.ScalarForward(values);
        var statistics = PpoValueLoss.Compute(values, part.OldValues, part.Returns, _options.ValueClipRange, coefficient, total, gradient);
        return (statistics, gradient);
    }

    /// <summary>Adds the gradient of ptx: coefficient times the mean next-token loss of the next pretraining sequences (Ouyang 2022, eq. 2).</summary>
    private double AccumulatePretraining(int rollouts)
    {
        if (_options.Ptx is not { } ptx || _pretraining.Count == 0)
        {
            return 0;
        }

        var count = Math.Max(1, (int)Math.Round(ptx.BatchRatio * rollouts));
        EncodedSequence[] rows = [.. _pretrainingOrders.Range(_pretrainingRows, count).Select(row => _pretraining[row])];
        _pretrainingRows += count;

        var (total, loss) = (rows.Sum(static row => (long)row.TrainedTokens), 0.0);
        foreach (var (start, end) in RowBudget.Split(count, i => rows[i].Tokens.Length, _options.MicroBatchTokens))
        {
            _policy.Begin();
            foreach (var row in rows.AsSpan(start, end - start))
            {
                _policy.Batch.Add(row.Tokens, row.PromptLength, _policy.Decoder.Device, _policy.Decoder.Shape, row.MaskOverTokens());
            }

            _policy.Forward();
            var (logProbabilities, gradient) = (new float[_policy.Batch.TargetCount], new float[_policy.Batch.TargetCount]);
            _policy.LanguageForward(logProbabilities, default);
            loss += CrossEntropy.TokenMean(logProbabilities, total, gradient, ptx.Coefficient);
            _policy.Backward(gradient, default, default);
        }

        return loss / ptx.Coefficient;
    }
}
