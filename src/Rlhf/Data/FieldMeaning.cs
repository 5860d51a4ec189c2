using System.Text.Json;

namespace Rlhf.Data;

/// <summary>What a field says that nothing has read, told from its name and value.</summary>
internal enum FieldMeaning
{
    /// <summary>Nothing that changes what is learned: an id, a source, a time.</summary>
    None,

    /// <summary>A part of what is asked: a system text, a context, a history, tools.</summary>
    Asked,

    /// <summary>One answer without others beside it, or the right answer to a question.</summary>
    Answer,

    /// <summary>One of several answers, or all of them.</summary>
    Answers,

    /// <summary>What somebody thinks of an answer: a label, a score, a rank, a weight.</summary>
    Judgement,

    /// <summary>The row is not meant to be used: it was deleted, or is spam.</summary>
    Withdrawn,
}

/// <summary>Tells the meaning of fields that nobody has heard of. It is better to refuse a row too many than to train on an answer to avoid.</summary>
internal static class FieldMeanings
{
    private static readonly HashSet<string> AskedNames = Words("input instruction question query messages conversations parent_id message_tree_id role");
    private static readonly HashSet<string> AskedWords = Words(
        "system context history tool function document passage article persona image audio video attachment background knowledge evidence conversation dialog dialogue reply");

    private static readonly HashSet<string> AnswerWords =
        Words("response answer completion output summary generation candidate continuation reference solution target ref demonstration");

    private static readonly HashSet<string> JudgementNames = Words("pairs ties");
    private static readonly HashSet<string> JudgementWords = Words("""
        label score rating rate rank ranking rated ranked preference preferred prefer better best worse worst winner win loser chosen choose rejected reject choice vote upvote downvote like dislike
        judgement judgment verdict grade reward kto desirable undesirable accept accepted good bad weight margin loss mask train trainable trained safe safer unsafe safety helpful unhelpful harm
        harmful harmless correct incorrect wrong quality severity feedback critique refusal thumb tier strength approved valid positive negative
        """);

    /// <summary>Words that judge where their value is a number: {"complexity": 3}.</summary>
    private static readonly HashSet<string> MeasureWords = Words(
        "coherence complexity verbosity honesty fluency relevance accuracy utility readability creativity clarity sentiment confidence agreement perplexity humor humour star point");

    private static readonly HashSet<string> WithdrawnWords = Words("deleted removed hidden spam toxic toxicity flagged banned blocked nsfw duplicate");

    /// <summary>Names that end so say where a text is from or how long it is.</summary>
    private static readonly HashSet<string> AsideWords =
        Words("id hash url lang language count length token time date at version index source type model num n total name");

    /// <summary>What a field says, by its name and value.</summary>
    public static FieldMeaning Of(string name, RowValue value)
    {
        if (SaysNothing(value))
        {
            return FieldMeaning.None;
        }

        var words = WordsOf(name);
        if (words.Any(WithdrawnWords.Contains))
        {
            return IsOff(value) ? FieldMeaning.None : FieldMeaning.Withdrawn;
        }

        if (JudgementNames.Contains(name) || words.Any(JudgementWords.Contains) || (value.Kind == JsonValueKind.Number && words.Any(IsMeasure)))
        {
            return words is ["weight"] && value is { Kind: JsonValueKind.Number, Text: "1" or "1.0" } ? FieldMeaning.None : FieldMeaning.Judgement;
        }

        return value.Kind is JsonValueKind.String or JsonValueKind.Array or JsonValueKind.Object ? OfText(name, words) : FieldMeaning.None;
    }

    private static FieldMeaning OfText(string name, List<string> words)
    {
        if (AskedNames.Contains(name))
        {
            return FieldMeaning.Asked;
        }

        if (words.Count == 0 || AsideWords.Contains(words[^1]) || AsideWords.Contains(words[0]))
        {
            return FieldMeaning.None;
        }

        if (words.Any(AskedWords.Contains))
        {
            return FieldMeaning.Asked;
        }

        return !words.Any(AnswerWords.Contains) ? FieldMeaning.None
            : AnswerWords.Contains(name.ToLowerInvariant()) ? FieldMeaning.Answer
            : FieldMeaning.Answers;
    }

    private static bool IsMeasure(string word) => MeasureWords.Contains(word) || word.EndsWith("ness", StringComparison.Ordinal);

    private static bool SaysNothing(RowValue value) => value.Kind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.String => string.IsNullOrWhiteSpace(value.Text),
        JsonValueKind.Array => value.Items.Count == 0,
        JsonValueKind.Object => value.Properties.Count == 0,
        _ => false,
    };

    private static bool IsOff(RowValue value) =>
        value.Kind == JsonValueKind.False || value is { Kind: JsonValueKind.Number, Text: "0" or "0.0" }
            || (value.Kind == JsonValueKind.String && value.Text.ToLowerInvariant() is "false" or "no" or "0");

    /// <summary>The words of a name in the singular: <c>response-1</c>, <c>bestAnswers</c>, <c>SCORE_A</c>.</summary>
    private static List<string> WordsOf(string name)
    {
        List<string> words = [];
        var start = 0;
        for (var i = 0; i <= name.Length; i++)
        {
            var ends = i == name.Length || !char.IsLetter(name[i]);
            if (ends || (i > start && char.IsUpper(name[i]) && char.IsLower(name[i - 1])))
            {
                if (i > start)
                {
                    words.Add(Singular(name[start..i].ToLowerInvariant()));
                }

                start = ends ? i + 1 : i;
            }
        }

        return words;
    }

    private static string Singular(string word) =>
        word.EndsWith("ies", StringComparison.Ordinal) ? word[..^3] + "y"
        : word.Length > 2 && word.EndsWith('s') && !word.EndsWith("ss", StringComparison.Ordinal) ? word[..^1]
        : word;

    private static HashSet<string> Words(string words) =>
        words.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);
}
