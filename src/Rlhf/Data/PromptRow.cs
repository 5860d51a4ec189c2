using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Data;

/// <summary>A prompt as the beginning of a row that the data readers take back as the same prompt.</summary>
public static class PromptRow
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Fields of the row that the prompt came from which are not the prompt.
    private static readonly HashSet<string> NotPrompt = new(StringComparer.Ordinal)
    {
        "id", "response", "completion", "output", "chosen", "rejected", "responses", "ranking", "pairs", "ties", "labeler", "weight", "margin", "text", "messages",
        "round", "model_hash", "sampling",
    };

    /// <summary>The row's id and prompt; answers are to follow.</summary>
    public static JsonObject Of(PromptRecord record)
    {
        var prompt = record.Prompt;
        var row = new JsonObject { ["id"] = record.Id };
        var isText = prompt.Fields.ContainsKey("prompt") || prompt.Fields.ContainsKey("instruction");
        foreach (var (name, value) in prompt.Fields.Where(field => !NotPrompt.Contains(field.Key) && IsKept(field.Key, field.Value, isText)))
        {
            row[name] = value;
        }

        if (!isText)
        {
            row["prompt"] = prompt.Messages is { } messages ? new JsonArray([.. messages.Select(RowOf)]) : prompt.Text;
        }

        if (prompt.Tools is { } tools)
        {
            row["tools"] = JsonNode.Parse(tools);
        }

        if (prompt.Group is { } group)
        {
            row["split_group"] = group;
        }

        return row;
    }

    /// <summary>Writes rows as JSON lines, whole or not at all.</summary>
    internal static void Write(string path, IEnumerable<JsonObject> rows) => DurableFiles.WriteAtomically(path, stream =>
    {
        foreach (var row in rows)
        {
            stream.Write(Encoding.UTF8.GetBytes(row.ToJsonString(Json) + "\n"));
        }
    });

    /// <summary>Whole numbers, such as tokens, as a field of a row.</summary>
    internal static JsonArray ListOf(IReadOnlyList<int> values) => new([.. values.Select(static value => JsonValue.Create(value))]);

    /// <summary>What was thought of other answers must not stand beside new ones.</summary>
    private static bool IsKept(string name, string value, bool isText) => FieldMeanings.Of(name, RowValue.Scalar(JsonValueKind.String, 0, value)) switch
    {
        FieldMeaning.None or FieldMeaning.Answer => true,
        FieldMeaning.Asked => isText,
        _ => false,
    };

    private static JsonObject RowOf(Message message)
    {
        var row = new JsonObject { ["role"] = message.Role, ["content"] = message.Content };
        foreach (var (name, value) in message.OtherFields is null ? [] : JsonNode.Parse(message.OtherFields)!.AsObject())
        {
            row[name] = value?.DeepClone();
        }

        if (!message.IsTrained)
        {
            row["train"] = false;
        }

        return row;
    }
}
