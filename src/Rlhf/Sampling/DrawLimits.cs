namespace Rlhf.Sampling;

/// <summary>What the request of an answer says of its next token beyond temperature and filters.</summary>
/// <param name="changes">Bias and penalties; null for none.</param>
/// <param name="answerStart">Where the answer begins among the tokens so far: penalties count it alone.</param>
/// <param name="allowed">A bit for each token of the vocabulary that may be drawn; empty for all.</param>
public readonly ref struct DrawLimits(LogitChanges? changes, int answerStart, ReadOnlySpan<ulong> allowed)
{
    /// <summary>Bias and penalties; null for none.</summary>
    public LogitChanges? Changes { get; } = changes;

    /// <summary>Where the answer begins among the tokens so far.</summary>
    public int AnswerStart { get; } = answerStart;

    /// <summary>A bit for each token that may be drawn; empty for all.</summary>
    public ReadOnlySpan<ulong> Allowed { get; } = allowed;
}
