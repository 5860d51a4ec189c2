namespace Rlhf.Model;

/// <summary>Cuts a list of sequences into neighbouring groups that go through a model together.</summary>
public static class RowBudget
{
    /// <summary>Groups [start, end) of at most <paramref name="rows"/> tokens; a sequence longer than that is a group of its own.</summary>
    /// <param name="count">Sequences.</param>
    /// <param name="lengthOf">Tokens of a sequence.</param>
    /// <param name="rows">Tokens of a group at most.</param>
    public static IEnumerable<(int Start, int End)> Split(int count, Func<int, int> lengthOf, int rows)
    {
        var (start, used) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var length = lengthOf(i);
            if (i > start && used + length > rows)
            {
                yield return (start, i);
                (start, used) = (i, 0);
            }

            used += length;
        }

        if (count > start)
        {
            yield return (start, count);
        }
    }
}
