using System.Globalization;
using System.Text;

namespace Rlhf.Text.Patterns;

/// <summary>The classes that split patterns tell apart: <c>\p{L}</c>, <c>\p{N}</c>, <c>\s</c> (Unicode White_Space) and the rest.</summary>
internal enum CharacterClass : byte
{
    Other,
    Letter,
    Number,
    WhiteSpace,
}

/// <summary>Classifies code points; those of the basic plane by table.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] BasicPlane = CreateBasicPlane();

    /// <summary>Class of the code point at a position, and how many UTF-16 units it takes. Text must have no lone surrogates.</summary>
    public static CharacterClass At(ReadOnlySpan<char> text, int position, out int length)
    {
        var unit = text[position];
        if (!char.IsHighSurrogate(unit) || position + 1 >= text.Length)
        {
            length = 1;
            return BasicPlane[unit];
        }

        length = 2;
        return Of(CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(unit, text[position + 1])), whiteSpace: false);
    }

    /// <summary>Whether a code point is part of a word (<c>\w</c>) for the single_word flag of added tokens.</summary>
    public static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.LetterNumber => true,
        UnicodeCategory.ConnectorPunctuation => true,
        _ => rune.Value is 0x200C or 0x200D,
    };

    private static CharacterClass Of(UnicodeCategory category, bool whiteSpace) => category switch
    {
        <= UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ => whiteSpace ? CharacterClass.WhiteSpace : CharacterClass.Other,
    };

    private static CharacterClass[] CreateBasicPlane()
    {
        var classes = new CharacterClass[char.MaxValue + 1];
        for (var unit = 0; unit < classes.Length; unit++)
        {
            classes[unit] = Of(CharUnicodeInfo.GetUnicodeCategory((char)unit), char.IsWhiteSpace((char)unit));
        }

        return classes;
    }
}
