using System.Text;

namespace Rlhf.Data;

/// <summary>
/// Conversations as one text, in the form of hh-rlhf (Bai 2022): <c>\n\nHuman: … \n\nAssistant: …</c>, and <c>\n\nSystem: …</c> where there is one.
/// </summary>
public static class Transcript
{
    /// <summary>What the assistant's answer follows.</summary>
    public const string AssistantMark = "\n\nAssistant:";

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
    /// mark belongs to the mark.
    /// </summary>
    public static IReadOnlyList<Message>? ParsePrompt(string text)
    {
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

    /// <summary>An answer as it follows a mark, without the space between.</summary>
    public static string WithoutLeadingSpace(string text) => text.StartsWith(' ') ? text[1..] : text;

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
