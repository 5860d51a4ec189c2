namespace Rlhf.Objectives;

/// <summary>One side (chosen or rejected answers) of a preference batch: packed per-token log-probabilities of policy and reference.</summary>
/// <param name="Policy">[N] log-probabilities under the policy being trained.</param>
/// <param name="Reference">[N] log-probabilities of the same tokens under the frozen reference.</param>
/// <param name="Offsets">[B + 1] where each answer begins.</param>
public readonly ref struct LogRatios(ReadOnlySpan<float> Policy, ReadOnlySpan<float> Reference, ReadOnlySpan<int> Offsets)
{
    private readonly ReadOnlySpan<float> _policy = Policy;
    private readonly ReadOnlySpan<float> _reference = Reference;
    private readonly ReadOnlySpan<int> _offsets = Offsets;

    /// <summary>Number of answers B.</summary>
    public int Rows => _offsets.Length - 1;

    /// <summary>Tokens of an answer.</summary>
    public int Length(int row) => _offsets[row + 1] - _offsets[row];

    /// <summary>D = sum over an answer's tokens of (policy - reference).</summary>
    public double Sum(int row) => KlEstimators.LogRatio(_policy[_offsets[row].._offsets[row + 1]], _reference[_offsets[row].._offsets[row + 1]]);

    /// <summary>The answer's part of a per-token span.</summary>
    internal Span<float> Row(Span<float> perToken, int row) => perToken[_offsets[row].._offsets[row + 1]];

    internal void Check(Span<float> gradient)
    {
        PackedRows.Check(_offsets, _policy.Length);
        PackedRows.CheckLength(_policy.Length, _reference.Length, "reference");
        PackedRows.CheckLength(_policy.Length, gradient.Length, nameof(gradient));
    }

    internal static void CheckPair(LogRatios chosen, LogRatios rejected, long totalPairs, Span<float> chosenGradient, Span<float> rejectedGradient)
    {
        PackedRows.CheckDivisor(totalPairs, nameof(totalPairs));
        chosen.Check(chosenGradient);
        rejected.Check(rejectedGradient);
        PackedRows.CheckLength(chosen.Rows, rejected.Rows, nameof(rejected));
    }
}
