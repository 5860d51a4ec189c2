using System.Globalization;
using System.Text;

namespace Rlhf.Reports;

/// <summary>
/// Text from users and models as it may stand in a page: markup escaped, and everything that would hide or reorder text (control
/// characters, bidirectional controls, zero-width characters, half surrogate pairs) shown by its code point, ⟨U+202E⟩. Towers of combining marks are cut.
/// </summary>
public static class VisibleText
{
    // More than letters of any script carry; a tower of them paints over the lines around it.
    private const int MostMarks = 6;

    /// <summary>Escapes for element content and for attribute values in quotes.</summary>
    public static string Escape(string? text) => AppendEscaped(new StringBuilder(), text).ToString();

    /// <summary>For a terminal: no markup to escape, but no control character gets through either.</summary>
    public static string Plain(string? text) => Append(new StringBuilder(), text, html: false).ToString();

    public static StringBuilder AppendEscaped(StringBuilder to, string? text) => Append(to, text, html: true);

    private static StringBuilder Append(StringBuilder to, string? text, bool html)
    {
        var rest = (text ?? "").AsSpan();
        var marks = 0;
        while (!rest.IsEmpty)
        {
            var isRune = Rune.DecodeFromUtf16(rest, out var rune, out var used) == System.Buffers.OperationStatus.Done;
            if (isRune && Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark)
            {
                marks++;
            }
            else
            {
                AppendLeftOut(to, marks);
                marks = 0;
            }

            if (!isRune)
            {
                AppendCode(to, rest[0]);
            }
            else if (marks <= MostMarks)
            {
                Append(to, rune, rest[..used], html);
            }

            rest = rest[used..];
        }

        AppendLeftOut(to, marks);
        return to;
    }

    private static void AppendLeftOut(StringBuilder to, int marks)
    {
        if (marks > MostMarks)
        {
            to.Append(CultureInfo.InvariantCulture, $"⟨{marks - MostMarks} combining marks⟩");
        }
    }

    private static void Append(StringBuilder to, Rune rune, ReadOnlySpan<char> characters, bool html)
    {
        switch (rune.Value)
        {
            case '&' when html:
                to.Append("&amp;");
                break;
            case '<' when html:
                to.Append("&lt;");
                break;
            case '>' when html:
                to.Append("&gt;");
                break;
            case '"' when html:
                to.Append("&quot;");
                break;
            case '\'' when html:
                to.Append("&#39;");
                break;
            case '\n' or '\t':
                to.Append(characters);
                break;
            default:
                if (IsHidden(rune))
                {
                    AppendCode(to, rune.Value);
                }
                else
                {
                    to.Append(characters);
                }

                break;
        }
    }

    private static void AppendCode(StringBuilder to, int code) => to.Append(CultureInfo.InvariantCulture, $"⟨U+{code:X4}⟩");

    // The fillers are letters by category, but empty to the eye.
    private static bool IsHidden(Rune rune) =>
        rune.Value is 0x034F or 0x115F or 0x1160 or 0x3164 or 0xFFA0 or 0x2800
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse;
}
