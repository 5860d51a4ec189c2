namespace Rlhf.Core;

/// <summary>Finds what a misspelt name was meant to be.</summary>
public static class NearestName
{
    /// <summary>
    /// The candidate with the smallest edit distance (insertions, deletions, replacements, swaps of neighbours), or null when none is near. Signs between words
    /// and capitals do not
    /// count. The shorter a name, the less of it may differ: of three letters (<c>dpo</c>, <c>ppo</c>) none may be another.
    /// </summary>
    public static string? Of(string name, IEnumerable<string> candidates)
    {
        var meant = Plain(name);
        return InOrder(name, candidates).FirstOrDefault() is { } best && IsNear(meant, Plain(best)) ? best : null;
    }

    /// <summary>The candidates, those that are spelt most alike first.</summary>
    public static IEnumerable<string> InOrder(string name, IEnumerable<string> candidates)
    {
        var meant = Plain(name);
        return candidates.OrderBy(candidate => Distance(meant, Plain(candidate))).ThenBy(candidate => candidate, StringComparer.Ordinal);
    }

    private static string Plain(string name) => name.Replace('-', '_').Trim('_').ToLowerInvariant();

    private static bool IsNear(string name, string candidate)
    {
        var distance = Distance(name, candidate);
        return Math.Min(name.Length, candidate.Length) switch
        {
            0 => false,
            <= 3 => distance == 0 || (distance == 1 && (name.Length != candidate.Length || name.Order().SequenceEqual(candidate.Order()))),
            <= 5 => distance <= 1,
            <= 8 => distance <= 2,
            _ => distance <= 3,
        };
    }

    /// <summary>Insertions, deletions, replacements and swaps of neighbours that make one name the other.</summary>
    internal static int Distance(string a, string b)
    {
        // Optimal string alignment; a name longer than this is never near, and the table stays small.
        if (a.Length > 64 || b.Length > 64)
        {
            return int.MaxValue;
        }

        var table = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                table[i, j] = i == 0 ? j : j == 0 ? i : Math.Min(
                    Math.Min(table[i - 1, j], table[i, j - 1]) + 1,
                    table[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    table[i, j] = Math.Min(table[i, j], table[i - 2, j - 2] + 1);
                }
            }
        }

        return table[a.Length, b.Length];
    }
}
