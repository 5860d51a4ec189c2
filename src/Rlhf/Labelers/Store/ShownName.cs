using System.Globalization;
using System.Text;

namespace Rlhf.Labelers.Store;

/// <summary>Names that pages and exports show: of labelers, rounds and models. Whichever way they come in, they can be read and told apart.</summary>
internal static class ShownName
{
    /// <summary>The longest name of a labeler.</summary>
    public const int Longest = 100;

    /// <summary>The longest name of a round, which may be made of two models' names, and of a model.</summary>
    public const int LongestOfRound = 250;

    /// <summary>Letters of real scripts carry fewer marks; towers of them paint over what is above and below.</summary>
    private const int MostMarks = 4;

    /// <summary>Why a text is no name; null where it is one.</summary>
    public static string? WrongWith(string name, int longest = Longest)
    {
        if (name.Length == 0 || name.Length > longest || name.Trim() != name)
        {
            return string.Create(CultureInfo.InvariantCulture, $"a name has 1 to {longest} characters, without white space around it");
        }

        var (marks, before) = (MostMarks, UnicodeCategory.SpaceSeparator);
        foreach (var rune in name.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (IsHidden(rune, category, before))
            {
                return string.Create(CultureInfo.InvariantCulture, $"it holds a character that cannot be seen (U+{rune.Value:X4})");
            }

            marks = IsMark(category) ? marks + 1 : 0;
            if (marks > MostMarks)
            {
                return string.Create(CultureInfo.InvariantCulture, $"it has combining marks without a letter, or more than {MostMarks} on one");
            }

            before = category;
        }

        return null;
    }

    private static bool IsMark(UnicodeCategory category) =>
        category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.SpacingCombiningMark;

    // Joiners stay after letters and marks, where scripts need them. Half of a surrogate pair reads as U+FFFD.
    private static bool IsHidden(Rune rune, UnicodeCategory category, UnicodeCategory before) => rune.Value switch
    {
        0x200C or 0x200D => !(IsMark(before) || before is UnicodeCategory.OtherLetter or UnicodeCategory.OtherSymbol),
        0xFFFD or 0x034F or 0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800 => true,
        _ => category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate,
    };
}
