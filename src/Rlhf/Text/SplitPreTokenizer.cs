using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>What becomes of the matches of a split pattern.</summary>
internal enum SplitBehavior
{
    /// <summary>They vanish.</summary>
    Removed,

    /// <summary>Each is a word.</summary>
    Isolated,

    /// <summary>Neighbouring matches are one word.</summary>
    Contiguous,

    /// <summary>Each joins the word in front of it.</summary>
    MergedWithPrevious,

    /// <summary>Each joins the word behind it.</summary>
    MergedWithNext,
}

/// <summary>Names of <see cref="SplitBehavior"/> in tokenizer.json.</summary>
internal static class SplitBehaviors
{
    public static SplitBehavior FromJson(PlacedJson json) =>
        Enum.GetNames<SplitBehavior>().Contains(json.Text())
            ? Enum.Parse<SplitBehavior>(json.Text())
            : throw json.Refuse($"the behavior {json.Text()} is not known");
}

/// <summary>Cuts a text where a pattern matches.</summary>
internal sealed class SplitPreTokenizer(SplitPattern pattern, SplitBehavior behavior, bool invert) : PreTokenizer
{
    public override bool Removes => behavior == SplitBehavior.Removed;

    public override void Split(TextPart part, List<TextPart> pieces) => Cut(part, pattern, behavior, invert, pieces);

    /// <summary>Cuts a part and appends the pieces; with <paramref name="invert"/> what the pattern does not match counts as the matches.</summary>
    public static void Cut(TextPart part, SplitPattern pattern, SplitBehavior behavior, bool invert, List<TextPart> pieces)
    {
        var matches = new List<(int Start, int Length)>();
        pattern.FindAll(part.Text.Span, matches);
        var ranges = new List<(int Start, int Length, bool IsMatch)>(matches.Count);
        var end = 0;
        foreach (var (start, length) in matches)
        {
            if (start > end)
            {
                ranges.Add((end, start - end, invert));
            }

            ranges.Add((start, length, !invert));
            end = start + length;
        }

        if (end < part.Text.Length)
        {
            ranges.Add((end, part.Text.Length - end, invert));
        }

        foreach (var (start, length, _) in Join(ranges, behavior).Where(static range => range.Length > 0))
        {
            pieces.Add(new TextPart(part.Text.Slice(start, length), start == 0 ? part.Place : TextPlace.Within));
        }
    }

    private static List<(int Start, int Length, bool IsMatch)> Join(List<(int Start, int Length, bool IsMatch)> ranges, SplitBehavior behavior)
    {
        if (behavior == SplitBehavior.Isolated)
        {
            return ranges;
        }

        if (behavior == SplitBehavior.Removed)
        {
            return [.. ranges.Where(range => !range.IsMatch)];
        }

        var joined = new List<(int Start, int Length, bool IsMatch)>(ranges.Count);
        foreach (var range in ranges)
        {
            var joins = joined.Count > 0 && behavior switch
            {
                SplitBehavior.Contiguous => joined[^1].IsMatch == range.IsMatch,
                SplitBehavior.MergedWithPrevious => range.IsMatch && !joined[^1].IsMatch,
                _ => !range.IsMatch && joined[^1].IsMatch,
            };
            if (joins)
            {
                joined[^1] = (joined[^1].Start, joined[^1].Length + range.Length, range.IsMatch);
            }
            else
            {
                joined.Add(range);
            }
        }

        return joined;
    }
}
