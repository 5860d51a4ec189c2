using Rlhf.Data;
using Rlhf.Labelers;

namespace Rlhf.Stages.Collect;

/// <summary>A labeler whose scores of one prompt's answers are known already.</summary>
internal sealed class GivenScores(string name, IReadOnlyList<double> scores) : ILabeler
{
    public string Name => name;

    public IReadOnlyList<double> Scores(Prompt prompt, IReadOnlyList<string> responses) => scores;
}
