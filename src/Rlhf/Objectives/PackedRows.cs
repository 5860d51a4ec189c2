namespace Rlhf.Objectives;

/// <summary>
/// Checks of the packed form that all objectives share: the response tokens of B rows stand one row after the other,
/// and <c>offsets</c> [B + 1] says where each row begins; row b is [offsets[b], offsets[b + 1]).
/// </summary>
internal static class PackedRows
{
    /// <summary>Throws unless the offsets start at 0, rise by at least one token a row and end at <paramref name="tokens"/>.</summary>
    public static void Check(ReadOnlySpan<int> offsets, int tokens)
    {
        if (offsets.Length < 2 || offsets[0] != 0 || offsets[^1] != tokens)
        {
            throw new ArgumentException($"Row offsets must begin with 0, end with the number of tokens ({tokens}) and hold at least one row.", nameof(offsets));
        }

        for (var row = 1; row < offsets.Length; row++)
        {
            if (offsets[row] <= offsets[row - 1])
            {
                throw new ArgumentException($"Row {row - 1} has no token.", nameof(offsets));
            }
        }
    }

    /// <summary>Throws unless a span is as long as it must be.</summary>
    public static void CheckLength(int expected, int actual, string name)
    {
        if (actual != expected)
        {
            throw new ArgumentException($"{name} holds {actual} numbers, {expected} are needed.", name);
        }
    }

    /// <summary>Throws unless a count that a mean divides by is positive.</summary>
    public static void CheckDivisor(double divisor, string name)
    {
        if (!(divisor > 0))
        {
            throw new ArgumentOutOfRangeException(name, divisor, "A mean needs a positive number to divide by.");
        }
    }
}
