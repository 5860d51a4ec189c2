namespace Rlhf.Training;

/// <summary>A host that keeps nothing and restores nothing: a trainer under it only computes.</summary>
/// <param name="cancellation">Asks the trainer to stop.</param>
public class SilentHost(CancellationToken cancellation = default) : ITrainingHost
{
    public CancellationToken Cancellation => cancellation;

    public virtual void Log(long step, params ReadOnlySpan<(Metric Metric, double Value)> values)
    {
    }

    public void Advance(long done, long total, string note)
    {
    }

    public void Sample(long step, ReadOnlySpan<int> prompt, ReadOnlySpan<int> response, params ReadOnlySpan<(string Name, double Value)> values)
    {
    }

    public bool TryRestore(TrainerState state) => false;

    public void Save(long step, TrainerState state)
    {
    }
}
