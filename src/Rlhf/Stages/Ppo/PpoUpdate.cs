using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>The updates of a PPO step: inner epochs of minibatches, each split into micro-batches that fit memory.</summary>
internal sealed class PpoUpdate : IDisposable
{
    private readonly PpoOptions _options;
    private readonly IReadOnlyList<EncodedSequence> _pretraining;
    private readonly EpochOrders _pretrainingOrders;
    private readonly ulong _seed;
    private readonly TrainingPass _policy;
    private readonly TrainingPass? _value;
    private readonly Scorer? _stale;
    private long _pretrainingRows;

    public PpoUpdate(PpoOptions options, PpoModels models, IReadOnlyList<EncodedSequence> pretraining, ulong seed, Arena arena)
    {
        (_options, _pretraining, _seed) = (options, pretraining, seed);
        _pretrainingOrders = new EpochOrders(pretraining.Count, seed);
        _policy = new TrainingPass(models.Policy, options.Adam, options.MaxGradientNorm, "policy", options.RecomputeActivations, arena);
        _value = models.Value is null
            ? null
            : new TrainingPass(models.Value, options.Adam, options.MaxGradientNorm, "value", options.RecomputeActivations, arena);
        _stale = options.OffPolicySteps > 1 ? new Scorer(models.Policy, options.MicroBatchTokens, arena) : null;
    }

    /// <summary>The updates from one step's rollouts.</summary>
    /// <param name="rollout">The answers with scores, advantages and returns.</param>
    /// <param name="step">The PPO step, from 1.</param>
    /// <param name="policyRate">The policy's learning rate.</param>
    /// <param name="valueRate">The value network's.</param>
    /// <param name="klCoefficient">Beta, where the KL is a part of the loss.</param>
    /// <param name="trainPolicy">Whether the policy is trained, or the value network alone.</param>
    /// <param name="average">The running mean of the policy's weights; null for none.</param>
    /// <param name="decay">Its decay.</param>
    public PpoOutcome Run(
        Rollout rollout, long step, double policyRate, double valueRate, double klCoefficient, bool trainPolicy, DeviceMemory? average, double decay)
    {
        var loss = new PolicyObjective(_options, klCoefficient);
        var seen = default(LossSums);
        var (policyNorm, valueNorm, pretrainingLoss) = (0.0, 0.0, 0.0);
        double? firstLogRatio = null;
        var (minibatches, stopped) = (0, false);
        foreach (var order in Orders(rollout, step))
        {
            for (var first = 0; first < order.Length && !stopped; first += _options.Minibatch)
            {
                // 4.2 Policy loss and 4.3 value loss: forward and backward, micro-batch by micro-batch.
                var rows = order.AsSpan(first, Math.Min(_options.Minibatch, order.Length - first)).ToArray();
                var part = Accumulate(rollout, rows, loss, trainPolicy);
                seen += part;
                firstLogRatio ??= trainPolicy ? part.Policy.LargestLogRatio : null;
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

                stopped = trainPolicy && _options.TargetKl is { } target && part.Policy.ApproximateKlK3 > target;
            }

            if (stopped)
            {
                break;
            }
        }

        return new PpoOutcome(
            trainPolicy ? seen.Policy : null, _options.HasValues ? null : seen.Group, _options.HasValues ? seen.Value : null, firstLogRatio,
            policyNorm / minibatches, _value is null ? null : valueNorm / minibatches, policyRate,
            _pretraining.Count > 0 && trainPolicy ? pretrainingLoss / minibatches : null, minibatches, stopped);
    }

    public void AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        _policy.Optimizer.AddTo(buffers);
        _value?.Optimizer.AddTo(buffers);
        numbers["policy_updates"] = _policy.Optimizer.Steps;
        if (_value is not null)
        {
            numbers["value_updates"] = _value.Optimizer.Steps;
        }

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
        _stale?.Dispose();
    }

    /// <summary>4.1 Order: of each part of the rollouts and each inner epoch. Prompts are shuffled anew, and the rollouts of one prompt stay together, so that
    /// they share its rows. Before a part that is stale its old log-probabilities are measured.</summary>
    private IEnumerable<int[]> Orders(Rollout rollout, long step)
    {
        var (perPrompt, parts) = (_options.RolloutsPerPrompt, _options.OffPolicySteps);
        var prompts = rollout.Completions.Length / perPrompt;
        for (var part = 0; part < parts; part++)
        {
            var (first, end) = (prompts * part / parts, prompts * (part + 1) / parts);
            if (part > 0 && end > first)
            {
                MeasureStale(rollout, first * perPrompt, end * perPrompt);
            }

            for (var epoch = 0; epoch < _options.InnerEpochs && end > first; epoch++)
            {
                var order = EpochOrder.Of(end - first, Philox.Derive(_seed, (ulong)step), (part * _options.InnerEpochs) + epoch);
                yield return [.. order.SelectMany(prompt => Enumerable.Range((first + prompt) * perPrompt, perPrompt))];
            }
        }
    }

    private void MeasureStale(Rollout rollout, int from, int to)
    {
        var (sequences, promptLengths) = PpoMicroBatch.Sequences(rollout, [.. Enumerable.Range(from, to - from)]);
        _stale!.ResponseLogProbabilities(sequences, promptLengths, _options.Temperature).LogProbabilities
            .CopyTo(rollout.OldLogProbabilities.AsSpan(rollout.TokensOf(from, to)));
    }

    /// <summary>Adds the gradients of one minibatch, micro-batch by micro-batch; the losses' divisors count the whole minibatch.</summary>
    private LossSums Accumulate(Rollout rollout, int[] rows, PolicyObjective loss, bool trainPolicy)
    {
        var totals = new GroupTotals(rows.Length, rows.Sum(row => (long)rollout.Completions[row].Response.Length));
        var seen = default(LossSums);
        var (sequences, promptLengths) = PpoMicroBatch.Sequences(rollout, rows);
        foreach (var group in PromptFamilies.Split(sequences, promptLengths, _options.MicroBatchTokens))
        {
            var part = new PpoMicroBatch(rollout, rows.AsSpan(group[0].Start..group[^1].End));
            if (_options.HasSharedTrunk)
            {
                seen += SharedTrunk(part, totals, loss, trainPolicy);
                continue;
            }

            if (trainPolicy)
            {
                seen += PolicyOnly(part, totals, loss);
            }

            if (_value is not null)
            {
                seen += ValueOnly(_value, part, totals);
            }
        }

        return seen;
    }

    private LossSums PolicyOnly(PpoMicroBatch part, GroupTotals totals, PolicyObjective loss)
    {
        part.Fill(_policy);
        _policy.Forward();
        var (seen, gradient, entropyGradient) = loss.Of(_policy, part, totals);
        _policy.Backward(gradient, entropyGradient, default);
        return seen;
    }

    private LossSums ValueOnly(TrainingPass value, PpoMicroBatch part, GroupTotals totals)
    {
        part.Fill(value);
        value.Forward();
        var (statistics, gradient) = ValueLoss(value, part, totals.Tokens, coefficient: 1);
        value.Backward(default, default, gradient);
        return new LossSums(default, default, statistics);
    }

    private LossSums SharedTrunk(PpoMicroBatch part, GroupTotals totals, PolicyObjective loss, bool trainPolicy)
    {
        part.Fill(_policy);
        _policy.Forward();
        var (seen, gradient, entropyGradient) = trainPolicy ? loss.Of(_policy, part, totals) : (default, [], []);
        var (value, valueGradient) = ValueLoss(_policy, part, totals.Tokens, _options.ValueCoefficient);
        _policy.Backward(gradient, entropyGradient, valueGradient);
        return seen + new LossSums(default, default, value);
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
