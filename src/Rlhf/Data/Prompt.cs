namespace Rlhf.Data;

/// <summary>What the model is to answer, as it stands in the data and before any format is applied.</summary>
/// <param name="Text">
/// The prompt as one text that depends on the row alone, never on a tokenizer or chat template: a <c>prompt</c> as it is; an Alpaca row as
/// <c>Instruction: {instruction}\n[Input: {input}\n]Answer:</c>; messages as the transcript <c>\n\nHuman: …\n\nAssistant:</c>. Splits hash this text.
/// </param>
/// <param name="Messages">The turns, where the row has them (messages or a transcript); the last one is not the assistant's. Null for plain text.</param>
/// <param name="Fields">The row's text fields by name, for the placeholders of a <c>custom</c> format.</param>
public sealed record Prompt(string Text, IReadOnlyList<Message>? Messages, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>JSON schemas of the tools that the row offers, as one JSON array, for chat templates that know them; null where it offers none.</summary>
    public string? Tools { get; init; }

    /// <summary>Whose rows stay on one side of a split, where the row says it: a post, a question or a tree of messages; null where the prompt
    /// decides.</summary>
    public string? Group { get; init; }

    /// <summary>
    /// What a split hashes: the group, else the first turn of the user, so that dialogues that begin alike stay together, else the text. An Alpaca row without
    /// turns before it has its text, as in all runs so far.
    /// </summary>
    public string SplitKey => Group ?? Messages?.FirstOrDefault(message => message.Role == "user")?.Content ?? Text;

    /// <summary>A prompt that is plain text.</summary>
    public static Prompt FromText(string text) =>
        new(text, null, new Dictionary<string, string>(StringComparer.Ordinal) { ["prompt"] = text });

    /// <summary>A conversation that the assistant is to go on: one turn of the user is that text, more are their transcript where the format has no
    /// turns.</summary>
    public static Prompt FromConversation(IReadOnlyList<Message> messages) =>
        messages is [{ Role: "user" } only]
            ? FromText(only.Content)
            : new(Transcript.Write(messages), messages, new Dictionary<string, string>(StringComparer.Ordinal));

    /// <summary>The turns of this prompt; plain text is one turn of the user.</summary>
    public IReadOnlyList<Message> AsMessages() => Messages ?? [new Message("user", AsUserText())];

    /// <summary>Whether two prompts ask the same: the text alone does not say which tools there are and what earlier turns called.</summary>
    public string Identity => Tools is null && Messages?.Any(message => message.OtherFields is not null) != true
        ? Text
        : string.Join('\0', [Text, Tools, .. Messages?.Select(message => message.OtherFields) ?? []]);

    /// <summary>An Alpaca row asks with its instruction and, on a line of its own, its input (Dolly: context), not with the plain form's labels around
    /// them.</summary>
    private string AsUserText()
    {
        if (Fields.ContainsKey("prompt") || !Fields.TryGetValue("instruction", out var instruction))
        {
            return Text;
        }

        var beside = Fields.TryGetValue("input", out var input) && input.Length > 0 ? input : Fields.GetValueOrDefault("context", "");
        return beside.Length > 0 ? $"{instruction}\n{beside}" : instruction;
    }
}
