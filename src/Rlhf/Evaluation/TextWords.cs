using System.Globalization;
using System.Text;

namespace Rlhf.Evaluation;

/// <summary>A word of a text, or a run of one punctuation mark.</summary>
/// <param name="Text">The word in lower case.</param>
/// <param name="Start">Where it stands in the text.</param>
/// <param name="Length">Its length in UTF-16 code units.</param>
/// <param name="IsWord">False for punctuation and symbols.</param>
internal readonly record struct TextWord(string Text, int Start, int Length, bool IsWord)
{
    public int End => Start + Length;
}

/// <summary>
/// Splits text into words: runs of letters, marks and digits with apostrophes inside (<c>don't</c>), in lower case. Chinese and Japanese
/// characters, which stand without spaces, are words of one character. A run of the same punctuation mark or symbol (<c>!!!</c>) is one
/// piece of its own; white space separates and is nothing.
/// </summary>
internal static class TextWords
{
    public static List<TextWord> Split(string text)
    {
        var words = new List<TextWord>();
        for (var at = 0; at < text.Length;)
        {
            var rune = RuneAt(text, at);
            var end = at + rune.Utf16SequenceLength;
            if (!Rune.IsWhiteSpace(rune) && !Rune.IsControl(rune))
            {
                var isWord = IsWordRune(rune);
                end = isWord && !StandsAlone(rune) ? EndOfWord(text, end) : isWord ? end : EndOfRun(text, end, rune);
                words.Add(new TextWord(text[at..end].ToLowerInvariant(), at, end - at, isWord));
            }

            at = end;
        }

        return words;
    }

    private static int EndOfWord(string text, int end)
    {
        while (end < text.Length)
        {
            var rune = RuneAt(text, end);
            var apostrophe = rune.Value is '\'' or '\u2019' && end + 1 < text.Length;
            var next = apostrophe ? RuneAt(text, end + 1) : rune;
            if (!IsWordRune(next) || StandsAlone(next))
            {
                break;
            }

            end += (apostrophe ? 1 : 0) + next.Utf16SequenceLength;
        }

        return end;
    }

    private static int EndOfRun(string text, int end, Rune mark)
    {
        while (end < text.Length && RuneAt(text, end) == mark)
        {
            end += mark.Utf16SequenceLength;
        }

        return end;
    }

    private static bool IsWordRune(Rune rune) => Rune.IsLetterOrDigit(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    // Hiragana, Katakana and the Chinese characters.
    private static bool StandsAlone(Rune rune) =>
        rune.Value is (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x9FFF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3FFFF);

    // A surrogate without its partner is a symbol of length 1.
    private static Rune RuneAt(string text, int at) => Rune.TryGetRuneAt(text, at, out var rune) ? rune : Rune.ReplacementChar;
}
