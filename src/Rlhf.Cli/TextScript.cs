using System.Text;

namespace Rlhf.Cli;

/// <summary>The script that most letters of a text have: the nearest to its language that can be told without a model.</summary>
internal static class TextScript
{
    private const int LongestLook = 2_000;

    private static readonly (int First, int Last, string Name)[] Ranges =
    [
        (0x41, 0x24F, "Latin"), (0x370, 0x3FF, "Greek"), (0x400, 0x52F, "Cyrillic"), (0x530, 0x58F, "Armenian"), (0x590, 0x5FF, "Hebrew"),
        (0x600, 0x77F, "Arabic"), (0x900, 0x97F, "Devanagari"), (0x980, 0x9FF, "Bengali"), (0xB80, 0xBFF, "Tamil"), (0xE00, 0xE7F, "Thai"),
        (0x10A0, 0x10FF, "Georgian"), (0x1100, 0x11FF, "Hangul"), (0x1E00, 0x1EFF, "Latin"), (0x3040, 0x30FF, "Kana"), (0x3400, 0x9FFF, "Han"),
        (0xAC00, 0xD7AF, "Hangul"), (0x20000, 0x3FFFF, "Han"),
    ];

    /// <summary>The script; "none" for a text without letters.</summary>
    public static string Of(string text)
    {
        Dictionary<string, int> letters = new(StringComparer.Ordinal);
        foreach (var rune in text[..Math.Min(text.Length, LongestLook)].EnumerateRunes().Where(Rune.IsLetter))
        {
            var name = Ranges.FirstOrDefault(range => rune.Value >= range.First && rune.Value <= range.Last).Name ?? "other";
            letters[name] = letters.GetValueOrDefault(name) + 1;
        }

        // Japanese is written with both, Chinese with one.
        return letters.ContainsKey("Kana") ? "Kana" : letters.Count == 0 ? "none" : letters.MaxBy(script => script.Value).Key;
    }
}
