namespace Rlhf.Labelers.Store;

/// <summary>A ranking as the paper writes it: <c>D &gt; C = A &gt; B</c> (Ouyang et al. 2022, figure 12). Answer 0 is A.</summary>
public static class RankingNotation
{
    /// <summary>The ranking, best tier first.</summary>
    public static string Of(IReadOnlyList<IReadOnlyList<int>> tiers) => string.Join(" > ", tiers.Select(tier => string.Join(" = ", tier.Select(LetterOf))));

    /// <summary>The letter of an answer; a number after Z.</summary>
    public static string LetterOf(int answer) =>
        answer < 26 ? ((char)('A' + answer)).ToString() : answer.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
