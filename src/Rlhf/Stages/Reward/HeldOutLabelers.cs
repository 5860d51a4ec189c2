using Rlhf.Data;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Reward;

/// <summary>
/// Holds out whole labelers (Ouyang 2022, section 4.1: does the reward model follow people whom it did not learn from?). Nothing that they ranked is trained
/// on. It is evaluated where no other
/// labeler's ranking of the prompt is trained on; the rest is left out, because the model knows these prompts.
/// </summary>
/// <param name="rule">Which labelers.</param>
/// <param name="training">All rankings that would be trained on.</param>
public sealed class HeldOutLabelers(HeldOutRule rule, IEnumerable<EncodedRanking> training)
{
    private const string Salt = "labelers"; // independent of the prompts' sides

    private readonly HashSet<string> _prompts = [.. training.Where(ranking => !IsBy(rule, ranking)).Select(ranking => ranking.PromptText)];

    /// <summary>Rankings that are neither trained on nor evaluated, so far.</summary>
    public int LeftOut { get; private set; }

    /// <summary>Takes their rankings out of <paramref name="train"/>; those of <paramref name="heldOut"/> and what joins them bear the labeler's name with
    /// "(held out)".</summary>
    public void Apply(List<EncodedRanking> train, List<EncodedRanking> heldOut)
    {
        var theirs = train.Where(ranking => IsBy(rule, ranking)).ToList();
        var unseen = theirs.Where(ranking => !_prompts.Contains(ranking.PromptText)).ToList();
        LeftOut += theirs.Count - unseen.Count;
        train.RemoveAll(ranking => IsBy(rule, ranking));
        heldOut.AddRange(unseen);
        for (var i = 0; i < heldOut.Count; i++)
        {
            heldOut[i] = IsBy(rule, heldOut[i]) ? heldOut[i] with { Labeler = $"{heldOut[i].Labeler} (held out)" } : heldOut[i];
        }
    }

    private static bool IsBy(HeldOutRule rule, EncodedRanking ranking) =>
        ranking.Labeler is { } labeler && rule.Holds(labeler, Salt);
}
