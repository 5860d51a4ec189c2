using System.Text;

namespace Rlhf.Evaluation;

/// <summary>Takes words and phrases out of a text so that what is left still reads as one.</summary>
internal static class TextCuts
{
    /// <summary>Where a phrase (its words, separated by single spaces) stands, from left to right without overlap.</summary>
    public static List<(int Start, int End)> Find(List<TextWord> words, string phrase)
    {
        var parts = phrase.Split(' ');
        var places = new List<(int, int)>();
        for (var i = 0; i + parts.Length <= words.Count;)
        {
            if (Matches(words, i, parts))
            {
                places.Add((words[i].Start, words[i + parts.Length - 1].End));
                i += parts.Length;
            }
            else
            {
                i++;
            }
        }

        return places;
    }

    /// <summary>The text without the given places (in rising order), and without the white space and commas that belonged to them.</summary>
    public static string Remove(string text, IReadOnlyList<(int Start, int End)> places)
    {
        var result = new StringBuilder(text.Length);
        var copied = 0;
        foreach (var (start, end) in places)
        {
            if (start < copied)
            {
                continue;
            }

            result.Append(text, copied, start - copied);
            copied = Join(text, result, end);
        }

        return result.Append(text, copied, text.Length - copied).ToString();
    }

    // Decides what goes with a removed place: at the start of the text or of a line the comma and space after it; elsewhere the
    // space before it and, between two commas, the second one.
    private static int Join(string text, StringBuilder before, int end)
    {
        var kept = before.Length;
        while (kept > 0 && before[kept - 1] is ' ' or '\t')
        {
            kept--;
        }

        if (kept == 0 || before[kept - 1] == '\n')
        {
            while (end < text.Length && text[end] is ' ' or '\t' or ',' or ';' or ':')
            {
                end++;
            }

            return end;
        }

        before.Length = kept;
        return before[^1] == ',' && end < text.Length && text[end] == ',' ? end + 1 : end;
    }

    private static bool Matches(List<TextWord> words, int at, string[] parts)
    {
        for (var i = 0; i < parts.Length; i++)
        {
            if (words[at + i].Text != parts[i] || (parts.Length > 1 && !words[at + i].IsWord))
            {
                return false;
            }
        }

        return true;
    }
}
