using System.Diagnostics;
using System.Runtime.InteropServices;
using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Distill;

/// <summary>
/// Generalised knowledge distillation (Agarwal 2023, algorithm 1). A step: 1 answers, the student's own with probability lambda, else demonstrations; 2 the
/// teacher reads them; 3 divergence of the student's next-token distributions from the teacher's, backward; 4 update; 5 log. Sampling is not differentiated
/// through, as in the paper.
/// </summary>
public sealed class DistillTrainer : ITrainer, IDisposable
{
    private const ulong ChoicePurpose = 0x63686F6963; // "choic": which steps are the student's own
    private readonly DistillOptions _options;
    private readonly IReadOnlyList<int[]> _prompts;
    private readonly IReadOnlyList<int> _endIds;
    private readonly IReadOnlyList<EncodedSequence> _demonstrations;
    private readonly EpochOrders _promptOrders;
    private readonly EpochOrders _demonstrationOrders;
    private readonly ITrainingHost _host;
    private readonly Action<long>? _judge;
    private readonly ulong _seed;
    private readonly TrainingPass _pass;
    private readonly TeacherPass _teacher;
    private readonly Generator _generator;
    private readonly LearningRateSchedule _learningRates;
    private readonly DivergenceSettings _divergence;
    private long _asked;
    private long _shown;
    private string _note = "";

    /// <summary>Prepares a run.</summary>
    /// <param name="options">The stage's options.</param>
    /// <param name="student">A trainable model with a language head; trained in place.</param>
    /// <param name="teacher">A model of the same vocabulary, only read.</param>
    /// <param name="prompts">Token ids of the training prompts.</param>
    /// <param name="endIds">Ids that end an answer.</param>
    /// <param name="demonstrations">Answers of others; empty where all are the student's own.</param>
    /// <param name="seed">The stage's seed.</param>
    /// <param name="host">Metrics, checkpoints, cancellation.</param>
    /// <param name="arena">Memory for activations, which others may use in turn.</param>
    /// <param name="judge">Evaluates the present student: before the first step (with 0), every evaluate_every steps, and after the last.</param>
    public DistillTrainer(
        DistillOptions options, Decoder student, Decoder teacher, IReadOnlyList<int[]> prompts, IReadOnlyList<int> endIds,
        IReadOnlyList<EncodedSequence> demonstrations, ulong seed, ITrainingHost host, Arena arena, Action<long>? judge = null)
    {
        (_options, _prompts, _endIds, _demonstrations, _seed, _host, _judge) = (options, prompts, endIds, demonstrations, seed, host, judge);
        _promptOrders = new EpochOrders(prompts.Count, seed);
        _demonstrationOrders = new EpochOrders(demonstrations.Count, seed);
        _pass = new TrainingPass(student, options.Adam, options.MaxGradientNorm, "student", options.RecomputeActivations, arena);
        _teacher = new TeacherPass(teacher);
        _generator = new Generator(student, arena);
        _learningRates = options.LearningRates(options.Steps);
        _divergence = new DivergenceSettings(options.Beta, options.Temperature);
    }

    long ITrainer.TotalSteps => _options.Steps;

    int ITrainer.CheckpointEvery => _options.CheckpointEvery;

    string ITrainer.Note => _note;

    /// <summary>Trains to the end, or throws <see cref="OperationCanceledException"/> after a checkpoint.</summary>
    public void Run() => new TrainingLoop(this, _host, _pass.Decoder.Device).Run();

    void ITrainer.Begin() => _judge?.Invoke(0);

    bool ITrainer.IsEvaluated(long step) => step == _options.Steps || (_options.EvaluateEvery > 0 && step % _options.EvaluateEvery == 0);

    void ITrainer.Evaluate(long step) => _judge?.Invoke(step);

    /// <summary>One step, from 1.</summary>
    public void TrainStep(long step)
    {
        // 1. Answers.
        var clock = Stopwatch.StartNew();
        var isOwn = _demonstrations.Count == 0 || Philox.Uniform(Philox.Derive(_seed, ChoicePurpose), (ulong)step, 0, 0) < _options.OnPolicyShare;
        var completions = isOwn ? Sample(step) : [];
        var rows = isOwn ? [.. completions.Select(SequenceOf)] : NextDemonstrations();
        var rollout = clock.Elapsed.TotalSeconds;

        // 2. The teacher reads.  3. Divergence and gradients.  4. Update.
        var learningRate = _learningRates.At(step);
        var (loss, divergence, norm) = Learn(rows, step);

        // 5. Log.
        if (!double.IsFinite(loss))
        {
            throw new RunFailedException(FormattableString.Invariant(
                $"Distillation step {step}: the loss is {loss}. The last checkpoint is good; a lower learning_rate may help."));
        }

        var tokens = rows.Sum(static row => row.TrainedTokens);
        List<(Metric, double)> values =
        [
            (TrainingMetrics.Loss, loss), (DistillMetrics.Divergence, divergence), (DistillMetrics.OwnAnswers, isOwn ? 1 : 0),
            (AnswerMetrics.ResponseLength, (double)tokens / rows.Length), (TrainingMetrics.LearningRate, learningRate),
            (TrainingMetrics.GradientNorm, norm), (TrainingMetrics.TokensPerSecond, tokens / clock.Elapsed.TotalSeconds),
            (AnswerMetrics.SecondsRollout, rollout), (AnswerMetrics.SecondsUpdate, clock.Elapsed.TotalSeconds - rollout),
        ];
        if (isOwn)
        {
            values.Add((AnswerMetrics.EosShare, completions.Count(static answer => answer.Finished) / (double)completions.Length));
        }

        _host.Log(step, CollectionsMarshal.AsSpan(values));
        foreach (var answer in completions.Take(_options.SamplesPerStep))
        {
            _host.Sample(step, answer.Prompt, answer.Response, ("finished", answer.Finished ? 1 : 0));
        }

        _note = FormattableString.Invariant($"divergence {divergence:F3}");
    }

    /// <summary>The update of a step from its answers: the loss, the mean divergence of a token, the gradient's norm.</summary>
    public (double Loss, double Divergence, double GradientNorm) Learn(EncodedSequence[] rows, long step)
    {
        var (loss, divergence) = Accumulate(rows, step);
        return (loss, divergence, _pass.Optimizer.Step(_learningRates.At(step)));
    }

    /// <summary>How far the present student lies from the teacher on answers, by whole distributions: KL(student || teacher) summed over each answer's tokens,
    /// in nats.</summary>
    public double[] TeacherKl(IReadOnlyList<Completion> answers)
    {
        EncodedSequence[] rows = [.. answers.Select(SequenceOf)];
        var (sums, settings) = (new double[rows.Length], _divergence with { Beta = 1 });
        foreach (var (start, end) in RowBudget.Split(rows.Length, i => rows[i].Tokens.Length, _options.MicroBatchTokens))
        {
            var part = rows.AsSpan(start, end - start);
            var (divergences, at) = (Read(part, settings, [], default), 0);
            for (var i = start; i < end; i++)
            {
                foreach (var divergence in divergences.AsSpan(at, rows[i].TrainedTokens))
                {
                    sums[i] += divergence;
                }

                at += rows[i].TrainedTokens;
            }
        }

        return sums;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pass.Dispose();
        _teacher.Dispose();
        _generator.Dispose();
    }

    /// <summary>The student's answers to the next prompts.</summary>
    private Completion[] Sample(long step)
    {
        int[][] asked = [.. _promptOrders.Range(_asked, _options.Batch).Select(row => _prompts[row])];
        _asked += _options.Batch;
        return _generator.Generate(asked, new GenerationSettings
        {
            Sampling = new SamplingOptions { Temperature = _options.Temperature },
            MaxNewTokens = _options.MaxNewTokens,
            EndIds = _endIds,
            Seed = _seed,
            Stream = (ulong)step,
        });
    }

    private EncodedSequence[] NextDemonstrations()
    {
        EncodedSequence[] rows = [.. _demonstrationOrders.Range(_shown, _options.Batch).Select(row => _demonstrations[row])];
        _shown += _options.Batch;
        return rows;
    }

    private static EncodedSequence SequenceOf(Completion answer) => new(answer.Tokens, answer.Prompt.Length, null, "", Truncated: false);

    /// <summary>The gradients of a step's answers, micro-batch by micro-batch: the loss and the mean divergence of a token.</summary>
    private (double Loss, double Divergence) Accumulate(EncodedSequence[] rows, long step)
    {
        var total = rows.Sum(static row => (long)row.TrainedTokens);
        var (loss, divergence, firstRow) = (0.0, 0.0, 0u);
        foreach (var (start, end) in RowBudget.Split(rows.Length, i => rows[i].Tokens.Length, _options.MicroBatchTokens))
        {
            var part = rows.AsSpan(start, end - start);
            var weights = WeightsOf(part, rows.Length, total);
            var noise = new TrainingNoise(new Dropout(0, _seed, (ulong)step, firstRow), 0, _options.Adapter?.Dropout ?? 0);
            firstRow += (uint)rows[start..end].Sum(static row => row.Tokens.Length);
            foreach (var (i, one) in Read(part, _divergence, weights, noise).Index())
            {
                loss += weights[i] * (double)one;
                divergence += one;
            }
        }

        return (loss, divergence / Math.Max(1, total));
    }

    /// <summary>Divergences of a micro-batch's targets; with weights also the gradients.</summary>
    private float[] Read(ReadOnlySpan<EncodedSequence> part, DivergenceSettings settings, float[] weights, TrainingNoise noise)
    {
        var teacherHidden = _teacher.Read(part);
        _pass.Begin();
        TeacherPass.AddTo(_pass.Batch, part, _pass.Decoder);
        _pass.Forward(noise);
        var divergences = new float[_pass.Batch.TargetCount];
        _pass.Distill(_teacher.Model, teacherHidden, settings, weights, divergences);
        return divergences;
    }

    /// <summary>What each target's divergence counts in the loss.</summary>
    private float[] WeightsOf(ReadOnlySpan<EncodedSequence> part, int answers, long tokens)
    {
        var weights = new List<float>();
        foreach (var row in part)
        {
            var weight = _options.Aggregation == LossAggregation.Tokens ? 1.0 / tokens : 1.0 / ((double)answers * row.TrainedTokens);
            weights.AddRange(Enumerable.Repeat((float)weight, row.TrainedTokens));
        }

        return [.. weights];
    }

    void ITrainer.AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers)
    {
        _pass.Optimizer.AddTo(buffers);
        numbers["updates"] = _pass.Optimizer.Steps;
        numbers["asked"] = _asked;
        numbers["shown"] = _shown;
    }

    void ITrainer.Restored(IDictionary<string, double> numbers)
    {
        _pass.Optimizer.Restored((long)numbers["updates"]);
        (_asked, _shown) = ((long)numbers["asked"], (long)numbers["shown"]);
    }
}
