using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>
/// Reads what is asked from a row: <c>prompt</c> (text or messages), Alpaca's <c>instruction</c> with <c>input</c> (Dolly: <c>context</c>), or <c>messages</c>;
/// and what
/// may stand beside each of them: <c>system</c>, <c>history</c>, <c>tools</c>.
/// </summary>
internal static class PromptParser
{
    /// <summary>Fields that are read into the prompt.</summary>
    public static readonly string[] AskedBeside = ["input", "context", "system", "history", "tools"];

    private static readonly string[] Absorbed = ["prompt", "instruction", .. AskedBeside];

    private static readonly string[] Conversations = ["messages", "conversations"];

    /// <summary>The name of the field with the row's conversation; null where it has none.</summary>
    public static string? ConversationOf(RowFields row) => Conversations.FirstOrDefault(row.Has);

    /// <summary>The prompt of a row; trailing turns of the assistant in <c>messages</c> are answers, not part of it.</summary>
    public static Prompt Parse(RowFields row)
    {
        if (row.Has("prompt"))
        {
            return WithSurroundings(row, row.Get("prompt"), ParsePrompt(row, row.Get("prompt")));
        }

        if (row.Has("instruction"))
        {
            return WithSurroundings(row, row.Get("instruction"), ParseInstruction(row));
        }

        if (WorkedAnswer.Fits(row))
        {
            return FromText(row, row.Get("question"), row.TextOf(row.Get("question")));
        }

        return ConversationOf(row) is { } name ? ParseConversation(row, name) : throw row.Missing("a prompt (the field prompt, instruction or messages)");
    }

    /// <summary>The prompt of a row of any kind: what a demonstration of the row would be asked, also where the conversation has its first turn once more as
    /// <c>prompt</c>.</summary>
    public static Prompt ParseAsked(RowFields row) =>
        ConversationOf(row) is { } name && !DemonstrationParser.HasResponse(row) ? ParseConversation(row, name) : Parse(row);

    /// <summary>A prompt that is a text (maybe a transcript), with the system text and the tools of the row.</summary>
    public static Prompt FromText(RowFields row, RowValue at, string text) => WithSurroundings(row, at, TextPrompt(row, at, text));

    /// <summary>A prompt of at least one turn, the last of them not the assistant's, with the system text and the tools of the row.</summary>
    public static Prompt FromMessages(RowFields row, RowValue at, IReadOnlyList<Message> messages) => WithSurroundings(row, at, TurnsPrompt(row, at, messages));

    /// <summary>JSON schemas of tools: an array, or the text of one; null where there are none.</summary>
    public static string? ToolsOf(RowFields row)
    {
        if (row.Find("tools") is not { } value || value is { Kind: JsonValueKind.String, Text.Length: 0 })
        {
            return null;
        }

        const string expected = "an array of tools";
        var tools = value.Kind == JsonValueKind.String ? row.ParseText(value, expected) : value;
        return tools.Kind != JsonValueKind.Array ? throw row.Error(value, expected) : tools.Items.Count > 0 ? RowJson.Of(tools) : null;
    }

    private static Prompt TextPrompt(RowFields row, RowValue at, string text)
    {
        if (Transcript.MistypedMark(text) is { } word)
        {
            throw row.Wrong(at, $"expected turns that begin with Human:, Assistant: or System:, found \"{word}:\"");
        }

        return new Prompt(text, Transcript.ParsePrompt(text), row.Texts());
    }

    private static Prompt TurnsPrompt(RowFields row, RowValue at, IReadOnlyList<Message> messages) => messages.Count == 0 || messages[^1].Role == "assistant"
        ? throw row.Error(at, "a turn of the user before the assistant's answer")
        : new Prompt(Transcript.Write(messages), messages, Without(row.Texts()));

    private static Prompt ParseConversation(RowFields row, string name)
    {
        var messages = MessageParser.ParseAll(row, row.Get(name), name);
        return FromMessages(row, row.Get(name), messages[^1].Role == "assistant" ? messages[..^1] : messages);
    }

    private static Prompt ParsePrompt(RowFields row, RowValue value)
    {
        if (value.Kind == JsonValueKind.Array)
        {
            return TurnsPrompt(row, value, MessageParser.ParseAll(row, value, "prompt"));
        }

        return row.TextOf(value).Length > 0 ? TextPrompt(row, value, value.Text) : throw row.Error(value, "a prompt");
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

        var (input, context) = (row.FindText("input"), row.FindText("context"));
        if (!string.IsNullOrEmpty(input) && !string.IsNullOrEmpty(context))
        {
            throw row.Error(row.Get("context"), "an instruction with input or with context, not with both");
        }

        var beside = string.IsNullOrEmpty(input) ? context : input;
        var inputLine = string.IsNullOrEmpty(beside) ? "" : $"Input: {beside}\n";
        return new Prompt($"Instruction: {instruction}\n{inputLine}Answer:", null, row.Texts());
    }

    /// <summary>The prompt with the turns before it (system text, then history) and the tools.</summary>
    private static Prompt WithSurroundings(RowFields row, RowValue at, Prompt prompt)
    {
        var tools = ToolsOf(row);
        var history = HistoryOf(row);
        List<Message> before = [.. SystemOf(row), .. history];
        if (before.Count == 0)
        {
            return prompt with { Tools = tools, Group = GroupOf(row) };
        }

        if (prompt.Messages is { } turns && before[0].Role == "system" && turns.Any(turn => turn.Role is "system" or "developer"))
        {
            throw row.Wrong(at, "expected one system text, found the field system beside a message of the system");
        }

        var isText = history.Count == 0 && (prompt.Fields.ContainsKey("prompt") || prompt.Fields.ContainsKey("instruction"));
        Message[] messages = [.. before, .. prompt.AsMessages()];
        return new Prompt(Transcript.Write(messages), messages, isText ? prompt.Fields : Without(prompt.Fields)) { Tools = tools, Group = GroupOf(row) };
    }

    private static string? GroupOf(RowFields row) => row.FindName("split_group");

    /// <summary>Where a row's texts would not give its prompt again, they must not stand for it.</summary>
    private static Dictionary<string, string> Without(IReadOnlyDictionary<string, string> texts) =>
        texts.Where(field => !Absorbed.Contains(field.Key)).ToDictionary(StringComparer.Ordinal);

    private static IEnumerable<Message> SystemOf(RowFields row) =>
        row.FindText("system") is { } text && !string.IsNullOrWhiteSpace(text) ? [new Message("system", text)] : [];

    /// <summary>LLaMA-Factory's history: pairs of what was asked and what was answered.</summary>
    private static List<Message> HistoryOf(RowFields row)
    {
        List<Message> messages = [];
        foreach (var pair in row.Find("history") is { } value ? row.ItemsOf(value) : [])
        {
            if (row.ItemsOf(pair).Count != 2)
            {
                throw row.Error(pair, "a pair of what was asked and what was answered");
            }

            messages.Add(new Message("user", row.TextOf(pair.Items[0])));
            messages.Add(Message.FromAssistant(row.TextOf(pair.Items[1])));
        }

        return messages;
    }
}
