namespace Rlhf.Data;

/// <summary>Rankings as tiers: answers by index, best tier first, ties share a tier.</summary>
public static class Tiers
{
    /// <summary>The tiers of answers with scores, higher is better; equal scores share a tier.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> ByScore(IReadOnlyList<double> scores) =>
        [.. Enumerable.Range(0, scores.Count).GroupBy(i => scores[i]).OrderByDescending(tier => tier.Key).Select(IReadOnlyList<int> (tier) => [.. tier])];

    /// <summary>Every preference that tiers imply: each answer over each one in a later tier.</summary>
    public static IReadOnlyList<(int Better, int Worse)> Pairs(IReadOnlyList<IReadOnlyList<int>> tiers) =>
        [.. from better in Enumerable.Range(0, tiers.Count)
            from worse in Enumerable.Range(better + 1, tiers.Count - better - 1)
            from i in tiers[better]
            from j in tiers[worse]
            select (i, j)];

    /// <summary>Every pair within a tier.</summary>
    public static IReadOnlyList<(int First, int Second)> Ties(IReadOnlyList<IReadOnlyList<int>> tiers) =>
        [.. from tier in tiers
            from i in Enumerable.Range(0, tier.Count)
            from j in Enumerable.Range(i + 1, tier.Count - i - 1)
            select (tier[i], tier[j])];

    /// <summary>Whether preferences go in a circle: a over b, b over c, c over a.</summary>
    public static bool HaveCircle(int answers, IReadOnlyList<(int Better, int Worse)> pairs)
    {
        // Answers that nothing left is better than are taken away until none is left; in a circle none can be.
        var left = Enumerable.Range(0, answers).ToHashSet();
        int before;
        do
        {
            before = left.Count;
            left.IntersectWith([.. pairs.Where(pair => left.Contains(pair.Better)).Select(pair => pair.Worse)]);
        }
        while (left.Count < before);
        return left.Count > 0;
    }
}
