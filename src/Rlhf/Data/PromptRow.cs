using System.Text.Json.Nodes;

namespace Rlhf.Data;

/// <summary>A prompt as the beginning of a row that the data readers take back as the same prompt.</summary>
internal static class PromptRow
{
    // Fields of the row that the prompt came from which are not the prompt.
    private static readonly HashSet<string> NotPrompt = new(StringComparer.Ordinal)
    {
        "id", "response", "completion", "output", "chosen", "rejected", "responses", "ranking", "pairs", "ties", "labeler", "weight", "margin", "text", "messages",
        "round", "model_hash", "sampling",
    };

    /// <summary>The row's id and prompt; answers are to follow.</summary>
    public static JsonObject Of(PromptRecord record)
    {
        var row = new JsonObject { ["id"] = record.Id };
        foreach (var (name, value) in record.Prompt.Fields.Where(field => !NotPrompt.Contains(field.Key)))
        {
            row[name] = value;
        }

        if (!row.ContainsKey("prompt") && !row.ContainsKey("instruction"))
        {
            row["prompt"] = record.Prompt.Messages is { } messages
                ? new JsonArray([.. messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })])
                : record.Prompt.Text;
        }

        return row;
    }
}
