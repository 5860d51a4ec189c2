using System.Globalization;
using System.Text;

namespace Rlhf.Reporting;

/// <summary>
/// Text from users and models as it may stand in a page: markup escaped, and everything that would hide or reorder text (control
/// characters, bidirectional controls, zero-width characters, half surrogate pairs) shown by its code point, ⟨U+202E⟩.
/// </summary>
internal static class VisibleText
{
    /// <summary>Escapes for element content and for attribute values in quotes.</summary>
    public static string Escape(string? text) => AppendEscaped(new StringBuilder(), text).ToString();

    public static StringBuilder AppendEscaped(StringBuilder to, string? text)
    {
        var rest = (text ?? "").AsSpan();
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out var rune, out var used) == System.Buffers.OperationStatus.Done)
            {
                Append(to, rune, rest[..used]);
            }
            else
            {
                AppendCode(to, rest[0]);
            }

            rest = rest[used..];
        }

        return to;
    }

    private static void Append(StringBuilder to, Rune rune, ReadOnlySpan<char> characters)
    {
        switch (rune.Value)
        {
            case '&':
                to.Append("&amp;");
                break;
            case '<':
                to.Append("&lt;");
                break;
            case '>':
                to.Append("&gt;");
                break;
            case '"':
                to.Append("&quot;");
                break;
            case '\'':
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
