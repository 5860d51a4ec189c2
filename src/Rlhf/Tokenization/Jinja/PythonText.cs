using System.Buffers;
using System.Text;

namespace Rlhf.Tokenization.Jinja;

/// <summary>Python's string functions where they differ from .NET's: white space, and code points instead of UTF-16 units.</summary>
internal static class PythonText
{
    /// <summary>str.isspace of one character: White_Space and U+001C to U+001F.</summary>
    public static bool IsSpace(char unit) => char.IsWhiteSpace(unit) || unit is >= '\u001C' and <= '\u001F';

    /// <summary>Where the white space that begins at a position ends.</summary>
    public static int EndOfSpaces(string text, int start)
    {
        while (start < text.Length && IsSpace(text[start]))
            start++;
        return start;
    }

    /// <summary>rstrip().</summary>
    public static string TrimEnd(string text) => text[..StartOfLastSpaces(text, 0)];

    /// <summary>strip, lstrip and rstrip with a set of characters; null for white space.</summary>
    public static string Strip(string text, string? characters, bool left, bool right, TemplateBudget budget)
    {
        budget.MakeText(text.Length);
        if (characters is null)
        {
            var start = left ? EndOfSpaces(text, 0) : 0;
            var end = right ? StartOfLastSpaces(text, start) : text.Length;
            return text[start..end];
        }

        budget.MakeItems(characters.Length);
        var set = characters.EnumerateRunes().ToHashSet();
        var rest = text.AsSpan();
        while (left && !rest.IsEmpty && FirstOf(rest, out var first) && set.Contains(first))
            rest = rest[first.Utf16SequenceLength..];
        while (right && !rest.IsEmpty && LastOf(rest, out var last) && set.Contains(last))
            rest = rest[..^last.Utf16SequenceLength];
        return rest.Length == text.Length ? text : rest.ToString();
    }

    /// <summary>Number of code points.</summary>
    public static int Length(ReadOnlySpan<char> text)
    {
        var count = text.Length;
        foreach (var unit in text)
            count -= char.IsLowSurrogate(unit) ? 1 : 0;
        return count;
    }

    /// <summary>Its code points, each as a string.</summary>
    public static List<object?> Characters(string text, TemplateBudget budget)
    {
        budget.Spend(text.Length);
        var count = Length(text);
        budget.MakeItems(count);
        budget.Spend(TemplateBudget.Character * (long)count);
        var characters = new List<object?>(count);
        foreach (var rune in text.EnumerateRunes())
            characters.Add(rune.ToString());
        return characters;
    }

    /// <summary>A code point by its number, from the end when negative; null where there is none.</summary>
    public static string? CharacterAt(string text, long number, TemplateBudget budget)
    {
        budget.Spend(text.Length);
        var count = Length(text);
        number = number < 0 ? number + count : number;
        if (number < 0 || number >= count)
            return null;
        if (count == text.Length)
            return text[(int)number].ToString();
        budget.Spend(text.Length);
        var runes = text.EnumerateRunes();
        for (runes.MoveNext(); number > 0; number--)
            runes.MoveNext();
        return runes.Current.ToString();
    }

    /// <summary>Code points <paramref name="start"/>, start + step ... in front of or behind <paramref name="stop"/>.</summary>
    public static string Slice(string text, int count, long start, long stop, long step, TemplateBudget budget)
    {
        if (count == text.Length && step == 1)
        {
            budget.MakeText(Math.Max(0, stop - start));
            return start < stop ? text[(int)start..(int)stop] : "";
        }

        budget.MakeItems(0);
        budget.Write(0, text.Length);
        budget.Spend(TemplateBudget.Character * (long)text.Length);
        var runes = new Rune[count];
        var next = 0;
        foreach (var rune in text.EnumerateRunes())
            runes[next++] = rune;
        var result = new TemplateWriter(budget);
        Span<char> units = stackalloc char[2];
        for (var at = start; step > 0 ? at < stop : at > stop; at += step)
            result.Write(units[..runes[at].EncodeToUtf16(units)]);
        return result.ToString();
    }

    /// <summary>split() at white space.</summary>
    public static List<object?> SplitAtSpaces(string text, long most, TemplateBudget budget)
    {
        budget.Spend(text.Length);
        budget.MakeText(text.Length);
        budget.MakeItems(0);
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
            budget.MakeItem(parts.Count);
            parts.Add(text[start..end]);
            start = end;
        }

        return parts;
    }

    /// <summary>title() or, for the first word only, capitalize().</summary>
    public static string Capitalize(string text, bool everyWord, TemplateBudget budget)
    {
        budget.Spend(TemplateBudget.Character * (long)text.Length);
        var result = new TemplateWriter(budget);
        var isFirst = true;
        Span<char> units = stackalloc char[2];
        foreach (var rune in text.EnumerateRunes())
        {
            result.Write(units[..(isFirst ? Rune.ToUpperInvariant(rune) : Rune.ToLowerInvariant(rune)).EncodeToUtf16(units)]);
            isFirst = everyWord && !Rune.IsLetter(rune);
        }

        return result.ToString();
    }

    /// <summary>upper().</summary>
    public static string Upper(string text, TemplateBudget budget)
    {
        budget.MakeText(text.Length);
        return text.ToUpperInvariant();
    }

    /// <summary>lower().</summary>
    public static string Lower(string text, TemplateBudget budget)
    {
        budget.MakeText(text.Length);
        return text.ToLowerInvariant();
    }

    private static int StartOfLastSpaces(string text, int start)
    {
        var end = text.Length;
        while (end > start && IsSpace(text[end - 1]))
            end--;
        return end;
    }

    private static bool FirstOf(ReadOnlySpan<char> text, out Rune rune) => Rune.DecodeFromUtf16(text, out rune, out _) == OperationStatus.Done;

    private static bool LastOf(ReadOnlySpan<char> text, out Rune rune) => Rune.DecodeLastFromUtf16(text, out rune, out _) == OperationStatus.Done;
}
