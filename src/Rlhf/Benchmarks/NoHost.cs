using Rlhf.Training;

namespace Rlhf.Benchmarks;

/// <summary>A host that keeps nothing: a trainer under it only computes.</summary>
internal sealed class NoHost(CancellationToken cancellation) : ITrainingHost
{
    public CancellationToken Cancellation => cancellation;

    public void Log(long step, params ReadOnlySpan<(string Name, double Value)> values)
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
