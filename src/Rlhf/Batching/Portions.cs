namespace Rlhf.Batching;

/// <summary>Cuts a long list of rows into parts that are held in memory one at a time. A sequence's numbers do not depend on its neighbours, so the cut shows
/// nowhere.</summary>
public static class Portions
{
    /// <summary>Tokens of a part, unless one row has more.</summary>
    private const int Tokens = 1 << 20;

    /// <summary>The rows in their order, in parts.</summary>
    /// <param name="rows">The rows; each is read once.</param>
    /// <param name="tokensOf">Tokens of a row.</param>
    public static IEnumerable<IReadOnlyList<T>> Of<T>(IEnumerable<T> rows, Func<T, int> tokensOf)
    {
        var (part, used) = (new List<T>(), 0L);
        foreach (var row in rows)
        {
            var tokens = tokensOf(row);
            if (part.Count > 0 && used + tokens > Tokens)
            {
                yield return part;
                (part, used) = ([], 0);
            }

            part.Add(row);
            used += tokens;
        }

        if (part.Count > 0)
        {
            yield return part;
        }
    }
}
