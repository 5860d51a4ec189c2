namespace Rlhf.Data;

/// <summary>Rankings as tiers: answers by index, best tier first, ties share a tier.</summary>
public static class Tiers
{
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
}
