namespace Rlhf.Grading;

/// <summary>A rule gives answers their numbers.</summary>
internal sealed class RuleGrader(RewardSourceOptions options) : IGrader
{
    private readonly Func<GradedAnswer, float> _rule = options.Rule!.With(options);

    /// <inheritdoc/>
    public float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) => [.. answers.Select(_rule)];

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
