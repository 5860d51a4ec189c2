using System.Globalization;
using System.Text;

namespace Rlhf.Text;

/// <summary>The four normalization forms of Unicode Standard Annex 15.</summary>
internal static class UnicodeNormalization
{
    // Hangul syllables are composed by arithmetic: Unicode Standard, section 3.12.
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, SyllableCount = LeadCount * VowelCount * TrailCount;

    private static readonly Tables Data = new();

    /// <summary>Normalizes a text without lone surrogates.</summary>
    public static string Normalize(string text, bool compatibility, bool compose)
    {
        // Below U+0300 nothing is composed further, and below U+00A0 nothing is decomposed; no such character joins what stands before it. So stretches of them
        // stay, but for the last one before another character.
        var (plain, result) = (compose && !compatibility ? '\u02FF' : '\u009F', new StringBuilder());
        var rest = text.AsSpan();
        while (rest.IndexOfAnyExceptInRange('\0', plain) is >= 0 and var next)
        {
            var (start, length) = (Math.Max(0, next - 1), rest[next..].IndexOfAnyInRange('\0', plain));
            var end = length < 0 ? rest.Length : next + length;
            result.Append(rest[..start]);
            AppendNormalized(rest[start..end], compatibility, compose, result);
            rest = rest[end..];
        }

        return rest.Length == text.Length ? text : result.Append(rest).ToString();
    }

    private static void AppendNormalized(ReadOnlySpan<char> text, bool compatibility, bool compose, StringBuilder result)
    {
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, compatibility, points);
        }

        Reorder(points);
        if (compose)
        {
            Compose(points);
        }

        Span<char> units = stackalloc char[2];
        foreach (var point in points)
        {
            result.Append(units[..new Rune(point).EncodeToUtf16(units)]);
        }
    }

    private static void Decompose(int point, bool compatibility, List<int> points)
    {
        var syllable = point - SyllableBase;
        if (syllable is >= 0 and < SyllableCount)
        {
            points.Add(LeadBase + syllable / (VowelCount * TrailCount));
            points.Add(VowelBase + syllable % (VowelCount * TrailCount) / TrailCount);
            if (syllable % TrailCount != 0)
            {
                points.Add(TrailBase + syllable % TrailCount);
            }
        }
        else if (Data.Canonical.TryGetValue(point, out var parts) || (compatibility && Data.Compatibility.TryGetValue(point, out parts)))
        {
            foreach (var part in parts)
            {
                Decompose(part, compatibility, points);
            }
        }
        else
        {
            points.Add(point);
        }
    }

    /// <summary>Sorts each run of combining marks by class, equal classes in the given order.</summary>
    private static void Reorder(List<int> points)
    {
        for (var start = 0; start < points.Count; start++)
        {
            if (ClassOf(points[start]) == 0)
            {
                continue;
            }

            var end = start + 1;
            while (end < points.Count && ClassOf(points[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                var sorted = points[start..end].OrderBy(ClassOf).ToList();
                for (var i = 0; i < sorted.Count; i++)
                {
                    points[start + i] = sorted[i];
                }
            }

            start = end;
        }
    }

    private static void Compose(List<int> points)
    {
        var starter = -1;
        var kept = 0;
        var lastClass = 0;
        for (var i = 0; i < points.Count; i++)
        {
            var point = points[i];
            var pointClass = ClassOf(point);
            // Blocked: a mark of the same or a higher class, or a starter, stands between.
            var adjacent = starter == kept - 1;
            if (starter >= 0 && (adjacent || (lastClass < pointClass && lastClass != 0)) && ComposePair(points[starter], point) is { } composed)
            {
                points[starter] = composed;
                continue;
            }

            if (pointClass == 0)
            {
                starter = kept;
            }

            lastClass = pointClass;
            points[kept++] = point;
        }

        points.RemoveRange(kept, points.Count - kept);
    }

    private static int? ComposePair(int first, int second)
    {
        if (first - LeadBase is >= 0 and < LeadCount && second - VowelBase is >= 0 and < VowelCount)
        {
            return SyllableBase + ((first - LeadBase) * VowelCount + (second - VowelBase)) * TrailCount;
        }

        if (first - SyllableBase is >= 0 and < SyllableCount && (first - SyllableBase) % TrailCount == 0 && second - TrailBase is > 0 and < TrailCount)
        {
            return first + (second - TrailBase);
        }

        return Data.Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private static int ClassOf(int point) => point < 0x300 ? 0 : Data.Classes.GetValueOrDefault(point);

    private sealed class Tables
    {
        public Dictionary<int, int[]> Canonical { get; } = [];

        public Dictionary<int, int[]> Compatibility { get; } = [];

        public Dictionary<(int, int), int> Compositions { get; } = [];

        public Dictionary<int, byte> Classes { get; } = [];

        public Tables()
        {
            foreach (var entry in Entries(UnicodeData.Canonical))
            {
                var points = Points(entry.TrimStart('!'));
                Canonical.Add(points[0], points[1..]);
                if (entry[0] != '!')
                {
                    Compositions.Add((points[1], points[2]), points[0]);
                }
            }

            foreach (var entry in Entries(UnicodeData.Compatibility))
            {
                var points = Points(entry);
                Compatibility.Add(points[0], points[1..]);
            }

            foreach (var entry in Entries(UnicodeData.CombiningClasses))
            {
                var fields = entry.Split(' ');
                for (var point = Hexadecimal(fields[0]); point <= Hexadecimal(fields[1]); point++)
                {
                    Classes.Add(point, byte.Parse(fields[2], CultureInfo.InvariantCulture));
                }
            }
        }

        private static string[] Entries(string data) => data.Split([';', '\n'], StringSplitOptions.RemoveEmptyEntries);

        private static int[] Points(string entry) => Array.ConvertAll(entry.Split(' '), Hexadecimal);

        private static int Hexadecimal(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
