using System.Text;
using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>
/// Reads turns of a conversation: <c>{role, content}</c> with what chat templates know beside (tool calls, reasoning), or ShareGPT's <c>{from, value}</c>.
/// </summary>
internal static class MessageParser
{
    private const string Assistant = "assistant";

    private static readonly string[] Roles = ["system", "developer", "user", Assistant, "tool", "function", "ipython"];

    /// <summary>Who speaks in ShareGPT's <c>from</c>; a call of a tool is the assistant's turn.</summary>
    private static readonly Dictionary<string, string> Speakers = new(StringComparer.Ordinal)
    {
        ["human"] = "user",
        ["gpt"] = Assistant,
        ["function_call"] = Assistant,
        ["observation"] = "tool",
        ["system"] = "system",
        ["user"] = "user",
        [Assistant] = Assistant,
        ["tool"] = "tool",
    };

    /// <summary>Fields that are handed on to chat templates.</summary>
    private static readonly string[] HandedOn = ["tool_calls", "function_call", "tool_call_id", "name", "reasoning_content", "thinking"];

    private static readonly string[] Calls = ["tool_calls", "function_call"];

    /// <summary>The messages of an array; at least one.</summary>
    public static List<Message> ParseAll(RowFields row, RowValue value, string name = "messages")
    {
        var messages = row.ItemsOf(value).Select(item => Parse(row, item, name + "[]")).ToList();
        return messages.Count > 0 ? messages : throw row.Error(value, "at least one message");
    }

    /// <summary>A message, an array of one message, or a text: the assistant's answer.</summary>
    public static Message ParseAnswer(RowFields row, RowValue value, string name)
    {
        if (value.Kind is not (JsonValueKind.Array or JsonValueKind.Object))
        {
            return Message.FromAssistant(row.TextOf(value));
        }

        var messages = value.Kind == JsonValueKind.Array ? ParseAll(row, value, name) : [Parse(row, value, name)];
        return messages is [{ Role: Assistant } answer] ? answer : throw row.Error(value, "one message of the assistant");
    }

    /// <summary>Whether a turn says nothing: no text and no call of a tool.</summary>
    public static bool IsEmpty(Message message) => string.IsNullOrWhiteSpace(message.Content) && !CallsTools(message);

    private static bool CallsTools(Message message)
    {
        if (message.OtherFields is null)
        {
            return false;
        }

        using var fields = JsonDocument.Parse(message.OtherFields);
        return Calls.Any(name => fields.RootElement.TryGetProperty(name, out _));
    }

    private static Message Parse(RowFields row, RowValue value, string name)
    {
        if (value.Kind != JsonValueKind.Object)
        {
            throw row.Error(value, "a message with role and content");
        }

        var fields = row.Nested(value, name);
        var message = fields.Has("from") && fields.Has("value") ? ParseSpeaker(fields) : ParseRole(fields, value);
        return message with { IsTrained = IsTrained(fields, message.Role) };
    }

    private static Message ParseRole(RowFields fields, RowValue at)
    {
        var roleValue = fields.Find("role") ?? throw fields.Error(at, "a message with role");
        var role = Known(fields, roleValue, Roles);
        List<(string, RowValue)> others = [.. HandedOn.Select(name => (Name: name, Value: fields.Find(name)))
            .Where(field => field.Value is not null and not { Kind: JsonValueKind.Array, Items.Count: 0 }).Select(field => (field.Name, field.Value!))];
        var calls = others.Any(field => Calls.Contains(field.Item1));
        if (calls && role != Assistant)
        {
            throw fields.Wrong(at, $"expected calls of tools in a turn of the assistant, found them in one of the role {role}");
        }

        if (fields.Find("content") is { } content)
        {
            return new Message(role, TextOf(fields, content)) { OtherFields = others.Count > 0 ? RowJson.Of(others) : null };
        }

        if (!calls)
        {
            throw fields.IsNull("content")
                ? fields.Wrong(at, "expected a content, found null: only a turn that calls tools has none")
                : fields.Error(at, "a message with content");
        }

        if (fields.IsNull("content"))
        {
            others.Add(("content", RowValue.Scalar(JsonValueKind.Null, at.Offset)));
        }

        return new Message(role, "") { OtherFields = RowJson.Of(others) };
    }

    private static Message ParseSpeaker(RowFields fields)
    {
        var (from, value) = (fields.Get("from"), fields.Get("value"));
        var speaker = Known(fields, from, Speakers.Keys);
        return speaker == "function_call"
            ? new Message(Assistant, "") { OtherFields = CallsIn(fields, value) }
            : new Message(Speakers[speaker], TextOf(fields, value));
    }

    /// <summary>A turn that calls one tool or several: <c>{"name": …, "arguments": …}</c>, or a list of them, as a text.</summary>
    private static string CallsIn(RowFields fields, RowValue value)
    {
        const string expected = "a call of a tool as JSON, {\"name\": ..., \"arguments\": {...}}, or a list of them";
        var parsed = fields.ParseText(value, expected);
        IReadOnlyList<RowValue> calls = parsed.Kind == JsonValueKind.Array ? parsed.Items : [parsed];
        if (calls.Count == 0 || calls.Any(call => call.Kind != JsonValueKind.Object || !call.Properties.ContainsKey("name")))
        {
            throw fields.Error(value, expected);
        }

        RowValue[] wrapped =
            [.. calls.Select(call => RowValue.Object(call.Offset, new Dictionary<string, RowValue>(StringComparer.Ordinal) { ["function"] = call }))];
        return RowJson.Of([("tool_calls", RowValue.Array(value.Offset, wrapped))]);
    }

    private static string Known(RowFields fields, RowValue value, IEnumerable<string> roles)
    {
        var role = fields.TextOf(value);
        if (roles.Contains(role))
        {
            return role;
        }

        var nearest = NearestName.Of(role.ToLowerInvariant(), roles);
        throw fields.Error(value, $"a role ({string.Join(", ", roles)}{(nearest is null ? "" : $"; did you mean \"{nearest}\"?")})");
    }

    /// <summary>A text, or parts of text, which are joined without anything between.</summary>
    private static string TextOf(RowFields fields, RowValue content)
    {
        if (content.Kind != JsonValueKind.Array)
        {
            return fields.TextOf(content);
        }

        var text = new StringBuilder();
        foreach (var item in content.Items)
        {
            var part = fields.Nested(item, "content[]");
            var type = part.TextOf(part.Get("type"));
            text.Append(type == "text"
                ? part.TextOf(part.Get("text"))
                : throw part.Wrong(item, $"expected parts of the type text, found one of the type {type}: models here read text alone"));
        }

        return text.ToString();
    }

    /// <summary>OpenAI's <c>weight</c> of 0 or 1 and axolotl's <c>train</c>.</summary>
    private static bool IsTrained(RowFields fields, string role)
    {
        bool? weight = fields.Find("weight") is { } number ? IsOne(fields, number) : null;
        bool? train = fields.Find("train") is { } flag ? IsTrue(fields, flag) : null;
        if (weight is { } a && train is { } b && a != b)
        {
            throw fields.Wrong(fields.Get("train"), "expected weight and train to say the same, found that they contradict each other");
        }

        if ((weight ?? train) == true && role != Assistant)
        {
            throw fields.Wrong(fields.Peek("weight") ?? fields.Get("train"),
                $"expected a turn of the assistant to train on, found one of the role {role}: leave the field out, or set it to 0 or false");
        }

        return weight ?? train ?? true;
    }

    private static bool IsOne(RowFields fields, RowValue value) => fields.ScoreOf(value) switch
    {
        0 => false,
        1 => true,
        _ => throw fields.Error(value, "a weight of 0 or 1 (turns are trained on or not; no other weight is read)"),
    };

    private static bool IsTrue(RowFields fields, RowValue value) =>
        value.Kind is JsonValueKind.True or JsonValueKind.False ? value.Kind == JsonValueKind.True : throw fields.Error(value, "true or false");
}
