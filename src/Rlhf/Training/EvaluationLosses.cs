namespace Rlhf.Training;

/// <summary>Step and loss of each evaluation so far, which checkpoints carry along.</summary>
internal sealed class EvaluationLosses
{
    private readonly List<(long Step, double Loss)> _losses = [];

    /// <summary>In order of their steps.</summary>
    public IReadOnlyList<(long Step, double Loss)> All => _losses;

    /// <summary>Adds an evaluation.</summary>
    public void Add(long step, double loss) => _losses.Add((step, loss));

    /// <summary>Adds them to a checkpoint's numbers.</summary>
    public void AddTo(Dictionary<string, double> numbers)
    {
        foreach (var (i, (step, loss)) in _losses.Index())
        {
            numbers[StepOf(i)] = step;
            numbers[LossOf(i)] = loss;
        }
    }

    /// <summary>Takes those of a checkpoint.</summary>
    public void Restored(IDictionary<string, double> numbers)
    {
        _losses.Clear();
        for (var i = 0; numbers.TryGetValue(StepOf(i), out var step); i++)
        {
            _losses.Add(((long)step, numbers[LossOf(i)]));
        }
    }

    private static string StepOf(int i) => FormattableString.Invariant($"evaluation_{i}_step");

    private static string LossOf(int i) => FormattableString.Invariant($"evaluation_{i}_loss");
}
