using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Grading;

/// <summary>A reward model gives answers their numbers: its scalar head at the last token.</summary>
/// <param name="model">The model.</param>
/// <param name="rowBudget">Tokens that go through it at once.</param>
/// <param name="arena">Memory for activations that others use in turn; null for memory of its own.</param>
/// <param name="isOwner">Whether the model is disposed with it.</param>
internal sealed class ModelGrader(Decoder model, int rowBudget, Arena? arena = null, bool isOwner = false) : IGrader
{
    private readonly Scorer _scorer = new(model, rowBudget, arena);

    /// <inheritdoc/>
    public float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation) =>
        _scorer.Rewards([.. answers.Select(static answer => answer.Tokens)], [.. answers.Select(static answer => answer.PromptLength)]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _scorer.Dispose();
        if (isOwner)
        {
            model.Dispose();
        }
    }
}
