using Rlhf.Data;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>
/// Holds out whole labelers (Ouyang 2022, section 4.1: does the reward model follow people whom it did not learn from?). Nothing that they ranked is trained
/// on. It is evaluated where no other
/// labeler's ranking of the prompt is trained on; the rest is left out, because the model knows these prompts.
/// </summary>
/// <param name="rule">Which labelers.</param>
/// <param name="training">All rankings that would be trained on.</param>
internal sealed class HeldOutLabelers(HeldOutRule rule, IEnumerable<EncodedRanking> training)
{
    private const string Salt = "labelers"; // independent of the prompts' sides

    private readonly HashSet<UInt128> _prompts =
        !rule.HoldsAny ? [] : [.. training.Where(ranking => !IsBy(rule, ranking)).Select(ranking => TextHash.Of(ranking.PromptText))];

    /// <summary>Rankings that are neither trained on nor evaluated, so far.</summary>
    public int LeftOut { get; private set; }

    /// <summary>The training rankings without theirs; and the held-out ones with those of theirs that join them behind, all of theirs under the labeler's name
    /// with "(held out)".</summary>
    public (StoredRows<EncodedRanking> Train, StoredRows<EncodedRanking> HeldOut) Apply(StoredRows<EncodedRanking> train, StoredRows<EncodedRanking> heldOut)
    {
        if (!rule.HoldsAny)
        {
            return (train, heldOut);
        }

        var theirs = train.Keeping(ranking => IsBy(rule, ranking));
        var unseen = theirs.Keeping(ranking => !_prompts.Contains(TextHash.Of(ranking.PromptText)));
        LeftOut += theirs.Count - unseen.Count;
        var named = heldOut.First(0);
        named.AddRange(heldOut.Concat(unseen)
            .Select(ranking => IsBy(rule, ranking) ? ranking with { Labeler = $"{ranking.Labeler} (held out)" } : ranking));
        return (train.Keeping(ranking => !IsBy(rule, ranking)), named);
    }

    private static bool IsBy(HeldOutRule rule, EncodedRanking ranking) =>
        ranking.Labeler is { } labeler && rule.Holds(labeler, Salt);
}
