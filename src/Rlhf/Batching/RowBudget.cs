namespace Rlhf.Batching;

/// <summary>Cuts a list of sequences into neighbouring groups that go through a model together.</summary>
public static class RowBudget
{
    /// <summary>
    /// Groups [start, end) of at most <paramref name="rows"/> tokens, as few as there can be, and then as equal as they can be; a sequence longer than that is
    /// a group of its own. Neighbours stay
    /// neighbours, so a row's number among all rows, which decides its dropout, does not depend on the budget.
    /// </summary>
    /// <param name="count">Sequences.</param>
    /// <param name="lengthOf">Tokens of a sequence.</param>
    /// <param name="rows">Tokens of a group at most.</param>
    public static IEnumerable<(int Start, int End)> Split(int count, Func<int, int> lengthOf, int rows)
    {
        int[] lengths = [.. Enumerable.Range(0, count).Select(lengthOf)];
        return Filled(lengths, SmallestBudget(lengths, rows));
    }

    /// <summary>The smallest budget that needs no more groups than <paramref name="rows"/> does: its largest group is as small as can be.</summary>
    private static int SmallestBudget(int[] lengths, int rows)
    {
        var fewest = Filled(lengths, rows).Count();
        var (low, high) = (1, rows);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            (low, high) = Filled(lengths, middle).Count() <= fewest ? (low, middle) : (middle + 1, high);
        }

        return high;
    }

    /// <summary>Each group takes the next sequences while they fit.</summary>
    private static IEnumerable<(int Start, int End)> Filled(int[] lengths, int rows)
    {
        var (start, used) = (0, 0);
        for (var i = 0; i < lengths.Length; i++)
        {
            if (i > start && used + lengths[i] > rows)
            {
                yield return (start, i);
                (start, used) = (i, 0);
            }

            used += lengths[i];
        }

        if (lengths.Length > start)
        {
            yield return (start, lengths.Length);
        }
    }
}
