using System.Text;

namespace Rlhf.Text.Patterns;

/// <summary>Upper and lower case, for patterns that ignore them.</summary>
internal static class LetterCase
{
    // Letters whose lower case another letter has, too: the long s, the signs of Kelvin and Ångström, Greek and Cyrillic variants.
    private static readonly Lazy<Dictionary<int, int[]>> Others = new(Create);

    /// <summary>The set with the other case of each of its letters.</summary>
    public static CodePointSet Close(CodePointSet set)
    {
        var added = Others.Value.Where(pair => set.Contains(pair.Key)).SelectMany(static pair => pair.Value).Distinct().Order().ToArray();
        return set.Union(CodePointSet.Where(added));
    }

    private static Dictionary<int, int[]> Create()
    {
        var groups = new Dictionary<int, List<int>>();
        for (var codePoint = 0; codePoint < CodePointSet.End; codePoint++)
        {
            if (Rune.IsValid(codePoint) && Fold(codePoint) is var folded && (folded != codePoint || groups.ContainsKey(folded)))
            {
                if (!groups.TryGetValue(folded, out var group))
                {
                    groups[folded] = group = [folded];
                }

                group.Add(codePoint);
            }
        }

        return groups.Values.Select(static group => group.Distinct().ToArray()).SelectMany(static group => group.Select(member => (member, group)))
            .ToDictionary(static pair => pair.member, static pair => pair.group);
    }

    // By way of the upper case, where several letters meet. .NET leaves apart what would become one of ASCII's letters.
    private static int Fold(int codePoint) => codePoint switch
    {
        0x017F => 's',
        0x212A => 'k',
        0x212B => 0xE5,
        _ => Rune.ToLowerInvariant(Rune.ToUpperInvariant(new Rune(codePoint))).Value,
    };
}
