namespace Rlhf.Compute.Cpu.Threads;

/// <summary>Splits rows of numbers into parts of about <see cref="PartElements"/> numbers: the split depends on the shape alone.</summary>
internal static class RowParts
{
    private const int PartElements = 1 << 14;

    public static int PerPart(int width) => Math.Max(1, PartElements / Math.Max(1, width));

    public static int Count(int rows, int width)
    {
        var perPart = PerPart(width);
        return (rows + perPart - 1) / perPart;
    }

    public static (int First, int End) Range(int part, int rows, int width)
    {
        var perPart = PerPart(width);
        return (part * perPart, Math.Min(rows, (part + 1) * perPart));
    }

    /// <summary>Parts of a flat run of <paramref name="length"/> numbers.</summary>
    public static int Count(long length) => (int)((length + PartElements - 1) / PartElements);

    /// <summary>Start and end of a part of a flat run.</summary>
    public static (long First, long End) Range(int part, long length) =>
        ((long)part * PartElements, Math.Min(length, ((long)part + 1) * PartElements));
}
