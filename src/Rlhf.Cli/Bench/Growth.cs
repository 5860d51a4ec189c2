using System.Diagnostics;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Objectives;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Cli.Bench;

/// <summary>
/// Speed and memory of a training step and of a scoring pass along one axis: sequence length, batch, vocabulary or width. Each point has devices of its own,
/// and its memory is what stands
/// in these (weights, activations, workspaces): points do not show in each other, nor does the program itself.
/// </summary>
/// <param name="createDevice">Makes a device for a measurement.</param>
/// <param name="repetitions">Times that a step is done, after one that touches its memory; the best counts.</param>
/// <param name="progress">Told each point.</param>
/// <param name="cancellation">Ends the work between steps.</param>
internal sealed class Growth(Func<IDevice> createDevice, int repetitions, Action<string> progress, CancellationToken cancellation = default)
{
    private const ulong Seed = 0;
    private const double LearningRate = 1e-6;

    /// <summary>Measures the points of an axis.</summary>
    public IReadOnlyList<GrowthPoint> Along(GrowthAxis axis) => [.. GrowthShape.Along(axis).Select(point =>
    {
        progress(FormattableString.Invariant($"{SnakeCase.Of(axis)} {point.Value}"));
        return Measure(point.Value, point.Shape.ToBenchmark());
    })];

    /// <summary>Measures one shape.</summary>
    public GrowthPoint Measure(int value, BenchmarkShape shape)
    {
        var rows = new BenchmarkData(shape, Seed).Sft();
        var (training, trainingBytes) = Training(shape, rows);
        var (scoring, scoringBytes) = Scoring(shape, rows);
        var tokens = (double)shape.SftRows * shape.SftTokens;
        return new GrowthPoint(value, tokens / training, tokens / scoring, trainingBytes, scoringBytes);
    }

    private (double Seconds, long Bytes) Training(BenchmarkShape shape, EncodedSequence[] rows)
    {
        using var device = createDevice();
        using var policy = BenchmarkModels.Policy(device, shape.Config, Seed);
        using var arena = new Arena(device);
        using var pass = new TrainingPass(policy, new AdamOptions(), maxGradientNorm: 1, "policy", sharedArena: arena);
        var targets = rows.Sum(static row => row.ResponseLength);
        var (logProbabilities, gradients) = (new float[targets], new float[targets]);
        var seconds = Best(() =>
        {
            pass.Begin();
            foreach (var row in rows)
            {
                pass.Batch.Add(row.Tokens, row.PromptLength, device, policy.Shape);
            }

            pass.Forward();
            pass.LanguageForward(logProbabilities, default);
            CrossEntropy.TokenMean(logProbabilities, targets, gradients);
            pass.Backward(gradients, default, default);
            pass.Optimizer.Step(LearningRate);
        });
        return (seconds, device.HeldBytes - arena.UntouchedBytes);
    }

    private (double Seconds, long Bytes) Scoring(BenchmarkShape shape, EncodedSequence[] rows)
    {
        using var device = createDevice();
        using var model = BenchmarkModels.Policy(device, shape.Config, Seed);
        model.Freeze();
        using var arena = new Arena(device);
        using var scorer = new Scorer(model, shape.MicroBatchTokens, arena);
        int[][] sequences = [.. rows.Select(static row => row.Tokens)];
        int[] promptLengths = [.. rows.Select(static row => row.PromptLength)];
        return (Best(() => scorer.ResponseLogProbabilities(sequences, promptLengths)), device.HeldBytes - arena.UntouchedBytes);
    }

    private double Best(Action step)
    {
        step(); // touches its memory
        var best = double.PositiveInfinity;
        for (var i = 0; i < repetitions; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            step();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }
}
