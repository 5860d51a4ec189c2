using System.Text;

namespace Rlhf.Data;

/// <summary>
/// Conversations as one text, in the form of hh-rlhf (Bai 2022): <c>\n\nHuman: … \n\nAssistant: …</c>, and <c>\n\nSystem: …</c> where there is one.
/// </summary>
public static class Transcript
{
    /// <summary>What the assistant's answer follows.</summary>
    public const string AssistantMark = "\n\nAssistant:";

    private const int LongestSpeaker = 12;

    private static readonly string[] Speakers = ["Human", "Assistant", "System"];

    private static readonly (string Mark, string Role)[] Marks = [("\n\nHuman:", "user"), (AssistantMark, "assistant"), ("\n\nSystem:", "system")];

    /// <summary>The turns followed by the mark that asks the assistant to answer.</summary>
    public static string Write(IReadOnlyList<Message> messages)
    {
        var text = new StringBuilder();
        foreach (var message in messages)
        {
            text.Append(MarkOf(message.Role)).Append(' ').Append(message.Content);
        }

        return text.Append(AssistantMark).ToString();
    }

    /// <summary>
    /// The turns of a prompt that begins with a turn and ends with <see cref="AssistantMark"/>; null where it is no such text. The one space after a
    /// mark belongs to the mark, also behind the last one.
    /// </summary>
    public static IReadOnlyList<Message>? ParsePrompt(string text)
    {
        text = text.TrimEnd(' ');
        if (!text.EndsWith(AssistantMark, StringComparison.Ordinal) || FindMark(text, 0) is not { Start: 0 } mark || text.Length == AssistantMark.Length)
        {
            return null;
        }

        List<Message> messages = [];
        while (mark.Start + mark.Length < text.Length)
        {
            var start = mark.Start + mark.Length;
            var next = FindMark(text, start)!.Value; // The text ends with a mark.
            messages.Add(new Message(mark.Role, WithoutLeadingSpace(text[start..next.Start])));
            mark = next;
        }

        return messages;
    }

    /// <summary>
    /// The prompt that two transcripts share: everything up to and including the last <see cref="AssistantMark"/> in their common beginning. Null where
    /// there is none.
    /// </summary>
    public static string? SharedPrompt(string first, string second)
    {
        var common = first.AsSpan().CommonPrefixLength(second);
        var mark = first.AsSpan(0, common).LastIndexOf(AssistantMark, StringComparison.Ordinal);
        return mark < 0 ? null : first[..(mark + AssistantMark.Length)];
    }

    /// <summary>Whether somebody else's turn begins within an answer, so that it is not one answer.</summary>
    public static bool HoldsTurn(string answer) => Marks.Any(mark => mark.Mark != AssistantMark && answer.Contains(mark.Mark, StringComparison.Ordinal));

    /// <summary>
    /// A word that begins a paragraph of a transcript and is nearly a speaker's name, as in <c>\n\nAssitant:</c>: its turn would become part of the one before.
    /// Null where
    /// there is none. A plural (<c>Humans:</c>) is a word of its own.
    /// </summary>
    public static string? MistypedMark(string text)
    {
        if (!text.StartsWith("\n\n", StringComparison.Ordinal) || FindMark(text, 0) is null)
        {
            return null;
        }

        for (var start = text.IndexOf("\n\n", StringComparison.Ordinal); start >= 0; start = text.IndexOf("\n\n", start + 1, StringComparison.Ordinal))
        {
            var from = start + 2;
            var end = from;
            while (end < text.Length && end - from <= LongestSpeaker && char.IsLetter(text[end]))
            {
                end++;
            }

            if (end < text.Length && text[end] == ':' && char.IsUpper(text[from]) && IsMistyped(text[from..end]))
            {
                return text[from..end];
            }
        }

        return null;
    }

    /// <summary>An answer as it follows a mark, without the space between.</summary>
    public static string WithoutLeadingSpace(string text) => text.StartsWith(' ') ? text[1..] : text;

    private static bool IsMistyped(string word) =>
        !Speakers.Contains(word) && !Speakers.Contains(word.TrimEnd('s'))
            && Speakers.Any(speaker => speaker[0] == word[0] && NearestName.Distance(speaker, word) == 1);

    /// <summary>Roles that transcripts have no mark for get one of their own name, so that no two conversations have the same text.</summary>
    private static string MarkOf(string role)
    {
        foreach (var (mark, known) in Marks)
        {
            if (known == role)
            {
                return mark;
            }
        }

        return $"\n\n{char.ToUpperInvariant(role[0])}{role[1..]}:";
    }

    private static (int Start, int Length, string Role)? FindMark(string text, int from)
    {
        for (var start = text.IndexOf("\n\n", from, StringComparison.Ordinal); start >= 0; start = text.IndexOf("\n\n", start + 1, StringComparison.Ordinal))
        {
            foreach (var (mark, role) in Marks)
            {
                if (text.AsSpan(start).StartsWith(mark, StringComparison.Ordinal))
                {
                    return (start, mark.Length, role);
                }
            }
        }

        return null;
    }
}
