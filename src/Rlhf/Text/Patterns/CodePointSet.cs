namespace Rlhf.Text.Patterns;

/// <summary>A set of Unicode code points.</summary>
/// <param name="Bounds">Where it begins and ends, in turn, ascending: the code point c is in the set where an odd number of bounds is at most c.</param>
internal sealed record CodePointSet(int[] Bounds)
{
    /// <summary>Largest code point + 1.</summary>
    public const int End = 0x110000;

    /// <summary>No code point.</summary>
    public static CodePointSet Empty { get; } = new([]);

    /// <summary>Every code point.</summary>
    public static CodePointSet All { get; } = new([0, End]);

    /// <summary>One code point.</summary>
    public static CodePointSet Of(int codePoint) => new([codePoint, codePoint + 1]);

    /// <summary>The code points from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    public static CodePointSet Range(int first, int last) => new([first, last + 1]);

    /// <summary>The code points for which a test holds.</summary>
    public static CodePointSet Where(Func<int, bool> test)
    {
        var bounds = new List<int>();
        for (var codePoint = 0; codePoint < End; codePoint++)
        {
            if (test(codePoint) != (bounds.Count % 2 == 1))
            {
                bounds.Add(codePoint);
            }
        }

        return new([.. bounds, .. bounds.Count % 2 == 1 ? (int[])[End] : []]);
    }

    /// <summary>These code points, which ascend and are different.</summary>
    public static CodePointSet Where(IEnumerable<int> ascending)
    {
        var bounds = new List<int>();
        foreach (var codePoint in ascending)
        {
            if (bounds is [.., var end] && end == codePoint)
            {
                bounds[^1]++;
            }
            else
            {
                bounds.AddRange([codePoint, codePoint + 1]);
            }
        }

        return new([.. bounds]);
    }

    /// <summary>Whether a code point is in the set.</summary>
    public bool Contains(int codePoint)
    {
        var index = Array.BinarySearch(Bounds, codePoint);
        return (index >= 0 ? index + 1 : ~index) % 2 == 1;
    }

    /// <summary>The other code points.</summary>
    public CodePointSet Complement() =>
        new([.. Bounds is [0, ..] ? (int[])[] : [0], .. Bounds.Where(bound => bound is > 0 and < End), .. Bounds is [.., End] ? (int[])[] : [End]]);

    /// <summary>The code points of either set.</summary>
    public CodePointSet Union(CodePointSet other) => Merge(other, static (left, right) => left || right);

    /// <summary>The code points of both sets.</summary>
    public CodePointSet Intersect(CodePointSet other) => Merge(other, static (left, right) => left && right);

    private CodePointSet Merge(CodePointSet other, Func<bool, bool, bool> belongs)
    {
        var bounds = new List<int>();
        var (left, right) = (0, 0);
        while (left < Bounds.Length || right < other.Bounds.Length)
        {
            var next = Math.Min(left < Bounds.Length ? Bounds[left] : End, right < other.Bounds.Length ? other.Bounds[right] : End);
            left += left < Bounds.Length && Bounds[left] == next ? 1 : 0;
            right += right < other.Bounds.Length && other.Bounds[right] == next ? 1 : 0;
            if (belongs(left % 2 == 1, right % 2 == 1) != (bounds.Count % 2 == 1))
            {
                bounds.Add(next);
            }
        }

        return new([.. bounds]);
    }
}
