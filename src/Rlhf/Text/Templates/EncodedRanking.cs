namespace Rlhf.Text.Templates;

/// <summary>A ranking as the reward model sees it: one batch element of step 2.</summary>
/// <param name="RowId">The row it came from.</param>
/// <param name="PromptText">The prompt's text in the run's format.</param>
/// <param name="Answers">[K] the prompt with each answer.</param>
/// <param name="Pairs">Strict preferences, as indices into <paramref name="Answers"/>.</param>
/// <param name="Ties">Pairs judged equal; left out of the loss unless the stage says otherwise.</param>
/// <param name="Weight">The row's weight in the loss.</param>
/// <param name="Labeler">Who judged, where known.</param>
/// <param name="Margins">Per pair: the margin m of the ranking loss; null where the data has none.</param>
public sealed record EncodedRanking(
    string RowId,
    string PromptText,
    EncodedSequence[] Answers,
    IReadOnlyList<(int Better, int Worse)> Pairs,
    IReadOnlyList<(int First, int Second)> Ties,
    double Weight,
    string? Labeler,
    IReadOnlyList<double>? Margins)
{
    /// <summary>What splits hash; the prompt's text where nothing else is said.</summary>
    public string SplitKey { get; init; } = PromptText;
}
