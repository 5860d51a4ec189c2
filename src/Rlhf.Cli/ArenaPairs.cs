namespace Rlhf.Cli;

/// <summary>Which models meet at which prompt of an arena.</summary>
/// <param name="models">How many models there are.</param>
/// <param name="each">Pairs of each prompt; null: every pair.</param>
/// <param name="round">The round's name; null: the pair's.</param>
internal sealed class ArenaPairs(int models, int? each, string? round)
{
    private readonly (int First, int Second)[] _all =
        [.. Enumerable.Range(0, models).SelectMany(first => Enumerable.Range(first + 1, models - first - 1).Select(second => (first, second)))];

    /// <summary>The pairs of a prompt. Fewer than all of them take turns, so that every pair meets equally often.</summary>
    public IEnumerable<(int First, int Second)> Of(int prompt)
    {
        var taken = Math.Min(each ?? _all.Length, _all.Length);
        return Enumerable.Range(0, taken).Select(i => _all[(int)(((long)prompt * taken + i) % _all.Length)]).Order();
    }

    /// <summary>The round of a pair: nobody gets a prompt twice in a round, so of several pairs each has its own.</summary>
    public string RoundOf(string first, string second) =>
        round is null ? $"{first} against {second}" : models == 2 ? round : $"{round}: {first} against {second}";
}
