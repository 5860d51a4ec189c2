using Rlhf.Compute.Operations;

namespace Rlhf.Training;

/// <summary>What a trainer brings to <see cref="TrainingLoop"/>: its steps, its evaluations and its state.</summary>
internal interface ITrainer
{
    /// <summary>Optimizer steps (or PPO steps) of the whole run.</summary>
    long TotalSteps { get; }

    /// <summary>Steps between checkpoints; 0: only when the run is interrupted.</summary>
    int CheckpointEvery { get; }

    /// <summary>A short text beside the progress.</summary>
    string Note { get; }

    /// <summary>Done once, before the first step of a run that does not go on from a checkpoint.</summary>
    void Begin();

    /// <summary>One step, from 1: rows, forward, backward, update, log.</summary>
    void TrainStep(long step);

    /// <summary>Whether the model is evaluated after a step.</summary>
    bool IsEvaluated(long step);

    /// <summary>Evaluates the present model and logs what came out.</summary>
    /// <exception cref="OperationCanceledException">The evaluation was interrupted; it is done again from a checkpoint.</exception>
    void Evaluate(long step);

    /// <summary>Adds the state: buffers that a checkpoint holds, and numbers.</summary>
    void AddTo(Dictionary<string, FloatBuffer> buffers, Dictionary<string, double> numbers);

    /// <summary>Takes the numbers of a checkpoint; the buffers are filled already.</summary>
    void Restored(IDictionary<string, double> numbers);
}

/// <summary>The one training loop: resume, step, evaluate, show, write a checkpoint. A resumed run ends with the bytes of one that was never
/// interrupted.</summary>
/// <param name="trainer">Does the steps.</param>
/// <param name="host">Metrics, checkpoints, cancellation.</param>
/// <param name="device">Of the trainer's buffers.</param>
internal sealed class TrainingLoop(ITrainer trainer, ITrainingHost host, IDevice device)
{
    private long _evaluatedStep;

    /// <summary>Trains to the last step.</summary>
    /// <exception cref="OperationCanceledException">The host asked to stop; a checkpoint was written before.</exception>
    public void Run()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive); // what was read to get here would else stand beside the training's buffers
        var step = Restore();
        if (step == 0)
        {
            trainer.Begin();
        }
        else
        {
            EvaluateIfDue(step);
        }

        host.Advance(step, trainer.TotalSteps, ""); // now: the first step may take minutes
        while (step < trainer.TotalSteps)
        {
            step++;
            trainer.TrainStep(step);
            EvaluateIfDue(step);
            host.Advance(step, trainer.TotalSteps, trainer.Note);
            host.EndStep(step, trainer.TotalSteps, trainer.CheckpointEvery, State);
        }
    }

    /// <summary>Evaluates after a step, once. An evaluation that is interrupted leaves a checkpoint, from which it is done again.</summary>
    private void EvaluateIfDue(long step)
    {
        if (step == _evaluatedStep || !trainer.IsEvaluated(step))
        {
            return;
        }

        try
        {
            trainer.Evaluate(step);
            _evaluatedStep = step;
        }
        catch (OperationCanceledException)
        {
            host.Save(step, State(step));
            throw;
        }
    }

    private TrainerState State(long step)
    {
        var buffers = new Dictionary<string, FloatBuffer>();
        var numbers = new Dictionary<string, double> { ["step"] = step, ["evaluated_step"] = _evaluatedStep };
        trainer.AddTo(buffers, numbers);
        return new TrainerState(buffers, numbers) { Device = device };
    }

    private long Restore()
    {
        var state = State(0);
        if (!host.TryRestore(state))
        {
            return 0;
        }

        _evaluatedStep = (long)state.Numbers["evaluated_step"];
        trainer.Restored(state.Numbers);
        return (long)state.Numbers["step"];
    }
}
