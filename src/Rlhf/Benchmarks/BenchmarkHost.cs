using Rlhf.Training;

namespace Rlhf.Benchmarks;

/// <summary>A host that keeps the last metrics and nothing else: a trainer under it only computes.</summary>
internal sealed class BenchmarkHost(CancellationToken cancellation) : ITrainingHost
{
    public CancellationToken Cancellation => cancellation;

    /// <summary>The metrics that were logged last, by name.</summary>
    public Dictionary<string, double> Metrics { get; } = [];

    public void Log(long step, params ReadOnlySpan<(string Name, double Value)> values)
    {
        foreach (var (name, value) in values)
        {
            Metrics[name] = value;
        }
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
