namespace Rlhf.World;

/// <summary>A sentence of an answer.</summary>
/// <param name="Text">Its words, without the end mark, white space made single.</param>
/// <param name="Mark">The end mark; '\0' where there is none or more than one.</param>
internal readonly record struct Sentence(string Text, char Mark)
{
    private const string Marks = ".!?";

    /// <summary>Cuts a text after every run of end marks that white space or the end follows.</summary>
    public static IReadOnlyList<Sentence> Split(string text)
    {
        var words = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        var sentences = new List<Sentence>();
        var start = 0;
        for (var i = 0; i < words.Length; i++)
        {
            if (IsMark(words[i]) && (i + 1 == words.Length || words[i + 1] == ' '))
            {
                sentences.Add(Of(words[start..(i + 1)]));
                start = i + 2;
            }
        }

        if (start < words.Length)
        {
            sentences.Add(new Sentence(words[start..], '\0'));
        }

        return sentences;
    }

    private static Sentence Of(string withMark)
    {
        var text = withMark.TrimEnd(Marks.ToCharArray());
        return new Sentence(text, withMark.Length - text.Length == 1 ? withMark[^1] : '\0');
    }

    private static bool IsMark(char c) => Marks.Contains(c, StringComparison.Ordinal);
}

/// <summary>Finds whole words in text.</summary>
internal static class Words
{
    /// <summary>Whether <paramref name="phrase"/> stands in <paramref name="text"/> as whole words, in any case of letters.</summary>
    public static bool Contain(string text, string phrase)
    {
        for (var at = 0; (at = text.IndexOf(phrase, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
        {
            var end = at + phrase.Length;
            if ((at == 0 || !char.IsLetterOrDigit(text[at - 1])) && (end == text.Length || !char.IsLetterOrDigit(text[end])))
            {
                return true;
            }
        }

        return false;
    }
}
