using System.Text;

namespace Rlhf.Tokenization.Jinja;

/// <summary>Python's string functions where they differ from .NET's: white space, and code points instead of UTF-16 units.</summary>
internal static class PythonText
{
    /// <summary>str.isspace of one character: White_Space and U+001C to U+001F.</summary>
    public static bool IsSpace(char unit) => char.IsWhiteSpace(unit) || unit is >= '\u001C' and <= '\u001F';

    /// <summary>lstrip().</summary>
    public static string TrimStart(string text)
    {
        var start = 0;
        while (start < text.Length && IsSpace(text[start]))
            start++;
        return text[start..];
    }

    /// <summary>rstrip().</summary>
    public static string TrimEnd(string text)
    {
        var end = text.Length;
        while (end > 0 && IsSpace(text[end - 1]))
            end--;
        return text[..end];
    }

    /// <summary>strip, lstrip and rstrip with a set of characters; null for white space.</summary>
    public static string Strip(string text, string? characters, bool left, bool right)
    {
        if (characters is not null)
        {
            var set = characters.EnumerateRunes().ToHashSet();
            var runes = text.EnumerateRunes().ToArray();
            var (start, end) = (0, runes.Length);
            while (left && start < end && set.Contains(runes[start]))
                start++;
            while (right && end > start && set.Contains(runes[end - 1]))
                end--;
            return start == 0 && end == runes.Length ? text : Join(runes.AsSpan(start, end - start));
        }

        text = left ? TrimStart(text) : text;
        return right ? TrimEnd(text) : text;
    }

    /// <summary>Number of code points.</summary>
    public static int Length(string text) => text.Length - text.Count(char.IsLowSurrogate);

    /// <summary>Its code points, each as a string.</summary>
    public static List<object?> Characters(string text) => [.. text.EnumerateRunes().Select(rune => (object?)rune.ToString())];

    /// <summary>split() at white space.</summary>
    public static List<object?> SplitAtSpaces(string text, long most)
    {
        var parts = new List<object?>();
        for (var start = 0; start < text.Length;)
        {
            if (IsSpace(text[start]))
            {
                start++;
                continue;
            }

            var end = most >= 0 && parts.Count >= most ? text.Length : start;
            while (end < text.Length && !IsSpace(text[end]))
                end++;
            parts.Add(text[start..end]);
            start = end;
        }

        return parts;
    }

    /// <summary>title() or, for the first word only, capitalize().</summary>
    public static string Capitalize(string text, bool everyWord)
    {
        var result = new StringBuilder(text.Length);
        var isFirst = true;
        foreach (var rune in text.EnumerateRunes())
        {
            result.Append((isFirst ? Rune.ToUpperInvariant(rune) : Rune.ToLowerInvariant(rune)).ToString());
            isFirst = everyWord && !Rune.IsLetter(rune);
        }

        return result.ToString();
    }

    /// <summary>Code points as a string.</summary>
    public static string Join(ReadOnlySpan<Rune> runes)
    {
        var result = new StringBuilder(runes.Length);
        foreach (var rune in runes)
            result.Append(rune.ToString());
        return result.ToString();
    }
}
