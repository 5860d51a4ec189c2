using Rlhf.Compute.Operations;

namespace Rlhf.Training;

/// <summary>
/// What a trainer needs from the run around it: a place for metrics, samples and checkpoints, and the wish to stop. Trainers know nothing of folders.
/// </summary>
public interface ITrainingHost
{
    /// <summary>Asks the trainer to write a checkpoint and stop.</summary>
    CancellationToken Cancellation { get; }

    /// <summary>The metrics of a step.</summary>
    void Log(long step, params ReadOnlySpan<(Metric Metric, double Value)> values);

    /// <summary>How far the training is: <paramref name="done"/> of <paramref name="total"/> steps, and a short text beside it.</summary>
    void Advance(long done, long total, string note);

    /// <summary>Keeps an answer for people to read.</summary>
    void Sample(long step, ReadOnlySpan<int> prompt, ReadOnlySpan<int> response, params ReadOnlySpan<(string Name, double Value)> values);

    /// <summary>Fills <paramref name="state"/> from the last whole checkpoint; false if there is none. What was logged after it is forgotten.</summary>
    bool TryRestore(TrainerState state);

    /// <summary>Writes a checkpoint: all of it or nothing.</summary>
    void Save(long step, TrainerState state);

    /// <summary>
    /// Ends a step: writes a checkpoint every <paramref name="checkpointEvery"/> steps (0: never) and when the trainer is asked to stop, but not after the last
    /// step,
    /// whose result is saved as a model; then stops if asked to.
    /// </summary>
    /// <exception cref="OperationCanceledException">The trainer was asked to stop.</exception>
    void EndStep(long step, long totalSteps, int checkpointEvery, Func<long, TrainerState> stateAt)
    {
        var stopping = Cancellation.IsCancellationRequested;
        if (step < totalSteps && (stopping || (checkpointEvery > 0 && step % checkpointEvery == 0)))
        {
            Save(step, stateAt(step));
        }

        if (stopping)
        {
            Cancellation.ThrowIfCancellationRequested(); // a wish that came since then is heard at the next step, behind its checkpoint
        }
    }
}

/// <summary>Everything a trainer must get back to go on as if it had never stopped.</summary>
/// <param name="Buffers">Named float32 buffers: parameters, moments, averages.</param>
/// <param name="Numbers">Named scalars: the step, coefficients, running means. Written with all their digits.</param>
public sealed record TrainerState(IReadOnlyDictionary<string, FloatBuffer> Buffers, IDictionary<string, double> Numbers)
{
    /// <summary>The device of the buffers.</summary>
    public required IDevice Device { get; init; }
}
