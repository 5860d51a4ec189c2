using Rlhf.Data;

namespace Rlhf.Text.Templates;

/// <summary>Which tokens end the assistant's turn: what is trained ends with one, and the sampler stops at one.</summary>
public static class EndOfTurn
{
    /// <summary>The tokens that end an answer in a format: what a sampler is to stop at.</summary>
    public static IReadOnlyList<int> Of(FormatOptions format, Tokenizer tokenizer) => Of(new Format(format, tokenizer.ChatTemplate), tokenizer);

    /// <summary>
    /// The end-of-sequence tokens of the model's files, and for a chat template the token that it ends a turn with: in what it writes behind an answer both
    /// within a conversation and at
    /// its end, the first end-of-sequence token, else the first special token; where both have nothing in common, the first end-of-sequence token behind the
    /// last answer.
    /// </summary>
    internal static IReadOnlyList<int> Of(Format format, Tokenizer tokenizer)
    {
        var ends = tokenizer.EndOfSequenceIds;
        if (format.Endings() is not { } endings)
        {
            return ends;
        }

        var (within, atEnd) = (tokenizer.EncodeContinuation(endings.Within), tokenizer.EncodeContinuation(endings.AtEnd));
        // A template may leave earlier answers out, or shorten them: then only the end of a conversation tells.
        var common = within.Length == 0 ? atEnd : atEnd[..atEnd.AsSpan().CommonPrefixLength(within)];
        var own = First(common, ends.Contains) ?? First(common, tokenizer.IsSpecial) ?? First(atEnd, ends.Contains);
        return own is { } id && !ends.Contains(id) ? [.. ends, id] : ends;
    }

    private static int? First(int[] ids, Func<int, bool> condition)
    {
        var at = Array.FindIndex(ids, id => condition(id));
        return at < 0 ? null : ids[at];
    }
}
