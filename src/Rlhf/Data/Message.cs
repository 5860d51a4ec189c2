using System.Text.Json;

namespace Rlhf.Data;

/// <summary>One turn of a conversation.</summary>
/// <param name="Role">Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>; a chat template decides what it accepts.</param>
/// <param name="Content">What is said, as plain text; empty where the row has null.</param>
public sealed record Message(string Role, string Content)
{
    private static readonly string[] ThoughtFields = ["reasoning_content", "reasoning", "thinking"];

    /// <summary>
    /// The message's other fields as one JSON object (<c>tool_calls</c>, <c>tool_call_id</c>, <c>name</c>, <c>reasoning_content</c>, <c>thinking</c>;
    /// <c>"content": null</c>
    /// where the row says so), for chat templates that know them; null where there are none.
    /// </summary>
    public string? OtherFields { get; init; }

    /// <summary>Whether a turn of the assistant may count in the loss: false where the row says <c>weight: 0</c> or <c>train: false</c>.</summary>
    public bool IsTrained { get; init; } = true;

    /// <summary>What the turn says and thinks: its content, and its <c>reasoning_content</c>, <c>reasoning</c> or <c>thinking</c> where it has them.</summary>
    public IEnumerable<string> Texts()
    {
        yield return Content;
        if (OtherFields is null)
        {
            yield break;
        }

        using var json = JsonDocument.Parse(OtherFields);
        foreach (var name in ThoughtFields)
        {
            if (json.RootElement.TryGetProperty(name, out var thought) && thought.ValueKind == JsonValueKind.String)
            {
                yield return thought.GetString()!;
            }
        }
    }

    /// <summary>The names of the functions that the turn calls (<c>tool_calls</c>).</summary>
    public IEnumerable<string> CalledFunctions()
    {
        if (OtherFields is null)
        {
            yield break;
        }

        using var json = JsonDocument.Parse(OtherFields);
        if (!json.RootElement.TryGetProperty("tool_calls", out var calls) || calls.ValueKind != JsonValueKind.Array)
        {
            yield break;
        }

        foreach (var call in calls.EnumerateArray().Where(call => call.ValueKind == JsonValueKind.Object))
        {
            var function = call.TryGetProperty("function", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : call;
            if (function.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String)
            {
                yield return name.GetString()!;
            }
        }
    }

    /// <summary>A turn of the assistant that is a text.</summary>
    public static Message FromAssistant(string text) => new("assistant", text);
}
