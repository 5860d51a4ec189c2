using System.Text.Json;

namespace Rlhf.Data;

/// <summary>Reads what is asked from a row: <c>prompt</c> (text or messages), Alpaca's <c>instruction</c> and <c>input</c>, or <c>messages</c>.</summary>
internal static class PromptParser
{
    /// <summary>The prompt of a row; trailing turns of the assistant in <c>messages</c> are answers, not part of it.</summary>
    public static Prompt Parse(RowFields row)
    {
        if (row.Has("prompt"))
        {
            return ParsePrompt(row, row.Get("prompt"));
        }

        if (row.Has("instruction"))
        {
            return ParseInstruction(row);
        }

        if (row.Has("messages"))
        {
            var messages = ParseMessages(row, row.Get("messages"));
            return FromMessages(row, row.Get("messages"), messages[^1].Role == "assistant" ? messages[..^1] : messages);
        }

        throw row.Missing("a prompt (the field prompt, instruction or messages)");
    }

    /// <summary>A prompt that is a text (maybe a transcript).</summary>
    public static Prompt FromText(RowFields row, string text) => new(text, Transcript.ParsePrompt(text), row.Texts());

    /// <summary>A prompt of at least one turn, the last of them not the assistant's.</summary>
    public static Prompt FromMessages(RowFields row, RowValue at, IReadOnlyList<Message> messages)
    {
        if (messages.Count == 0 || messages[^1].Role == "assistant")
        {
            throw row.Error(at, "a turn of the user before the assistant's answer");
        }

        return new Prompt(Transcript.Write(messages), messages, row.Texts());
    }

    /// <summary>The messages of an array of <c>{role, content}</c>; at least one.</summary>
    public static List<Message> ParseMessages(RowFields row, RowValue value)
    {
        var messages = row.ItemsOf(value).Select(item => ParseMessage(row, item)).ToList();
        return messages.Count > 0 ? messages : throw row.Error(value, "at least one message");
    }

    private static Message ParseMessage(RowFields row, RowValue value)
    {
        if (value.Kind != JsonValueKind.Object)
        {
            throw row.Error(value, "a message with role and content");
        }

        foreach (var (name, content) in value.Properties)
        {
            if (name is not ("role" or "content") && content.Kind != JsonValueKind.Null)
            {
                throw row.Wrong(content, $"expected a message with role and content only, found {name}");
            }
        }

        return new Message(TextOf(row, value, "role", mayBeEmpty: false), TextOf(row, value, "content", mayBeEmpty: true));
    }

    private static string TextOf(RowFields row, RowValue message, string name, bool mayBeEmpty)
    {
        if (!message.Properties.TryGetValue(name, out var value))
        {
            throw row.Error(message, $"a message with {name}");
        }

        return row.TextOf(value) is { } text && (mayBeEmpty || text.Length > 0) ? text : throw row.Error(value, $"a {name}");
    }

    private static Prompt ParsePrompt(RowFields row, RowValue value)
    {
        if (value.Kind == JsonValueKind.Array)
        {
            return FromMessages(row, value, ParseMessages(row, value));
        }

        return row.TextOf(value).Length > 0 ? FromText(row, value.Text) : throw row.Error(value, "a prompt");
    }

    /// <summary>The text that Alpaca rows have had in all our runs; splits depend on it, so it stays.</summary>
    private static Prompt ParseInstruction(RowFields row)
    {
        var value = row.Get("instruction");
        var instruction = row.TextOf(value);
        if (instruction.Length == 0)
        {
            throw row.Error(value, "an instruction");
        }

        var input = row.FindText("input");
        var inputLine = string.IsNullOrEmpty(input) ? "" : $"Input: {input}\n";
        return new Prompt($"Instruction: {instruction}\n{inputLine}Answer:", null, row.Texts());
    }
}
