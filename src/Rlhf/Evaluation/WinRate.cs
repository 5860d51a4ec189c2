namespace Rlhf.Evaluation;

/// <summary>How often model A's answers beat model B's under a reward model.</summary>
/// <param name="Wins">Pairs in which A's answer scores higher.</param>
/// <param name="Ties">Pairs with equal scores.</param>
/// <param name="Losses">Pairs in which B's answer scores higher.</param>
/// <param name="Rate">(wins + ties / 2) / pairs with its 95 % interval, widened where a prompt has several pairs.</param>
public sealed record WinRate(long Wins, long Ties, long Losses, Estimate Rate)
{
    /// <summary>Compares answers pair by pair.</summary>
    /// <param name="a">Scores of A's answers.</param>
    /// <param name="b">Scores of B's answers to the same prompts, in the same order.</param>
    /// <param name="prompts">Prompt of each pair; none: all differ.</param>
    public static WinRate Of(IReadOnlyList<double> a, IReadOnlyList<double> b, IReadOnlyList<int>? prompts = null)
    {
        if (a.Count == 0 || a.Count != b.Count || (prompts is not null && prompts.Count != a.Count))
        {
            throw new ArgumentException("A win rate needs as many scores of A as of B, and as many prompts, at least one.", nameof(a));
        }

        var won = Enumerable.Range(0, a.Count).Select(i => a[i] > b[i] ? 1 : a[i] == b[i] ? 0.5 : 0).ToArray();
        var clusters = Enumerable.Range(0, a.Count).GroupBy(i => prompts?[i] ?? i, (_, own) => own.ToList());
        return new WinRate(
            won.LongCount(w => w == 1), won.LongCount(w => w == 0.5), won.LongCount(w => w == 0),
            Intervals.ClusteredWilson([.. clusters.Select(own => (own.Sum(i => won[i]), (long)own.Count))]));
    }
}
