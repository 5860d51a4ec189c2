using System.Text.Json;
using Rlhf.Data;

namespace Rlhf.Web.Serving;

/// <summary>Reads the <c>messages</c> of a request.</summary>
internal static class MessageReader
{
    /// <summary>At least one turn, the last of them not the assistant's, or where it is continued the assistant's.</summary>
    public static IReadOnlyList<Message> Read(JsonElement value, string name, bool continues = false, bool mayEndAnyhow = false)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
        {
            throw RequestBody.Wrong(name, "a list of at least one message", value);
        }

        Message[] messages = [.. value.EnumerateArray().Select((item, i) => ReadOne(item, FormattableString.Invariant($"{name}[{i}]")))];
        return messages[^1].Role == "assistant" == continues || (mayEndAnyhow && !continues) ? messages : throw ApiException.Invalid(
            continues
                ? "'continue_final_message' goes on with the assistant's message, but the last one is not the assistant's."
                : "The last message is the assistant's: nothing is left to answer. To go on with it: 'continue_final_message': true.",
            continues ? "continue_final_message" : name);
    }

    private static Message ReadOne(JsonElement item, string name)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw RequestBody.Wrong(name, "a message with role and content", item);
        }

        foreach (var property in item.EnumerateObject())
        {
            // lm-evaluation-harness calls each message a text.
            var isText = property.Name == "type" && property.Value.ValueKind == JsonValueKind.String && property.Value.ValueEquals("text");
            if (!isText && property.Name is not ("role" or "content" or "name" or "refusal")
                && property.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined))
            {
                throw ApiException.Invalid($"Unknown parameter: '{name}.{property.Name}'.", name, "unknown_parameter");
            }
        }

        var role = item.TryGetProperty("role", out var given)
            ? RequestBody.TextOf(given, name + ".role")
            : throw ApiException.Invalid($"Missing required parameter: '{name}.role'.", name, "missing_required_parameter");
        return new Message(
            role switch
            {
                "system" or "developer" => "system",
                "user" or "assistant" => role,
                _ => throw ApiException.Invalid(
                    $"Invalid value for '{name}.role': expected system, developer, user or assistant, found '{role}'.", name + ".role", "invalid_value"),
            },
            item.TryGetProperty("content", out var content)
                ? ContentOf(content, name + ".content", role == "assistant")
                : throw ApiException.Invalid($"Missing required parameter: '{name}.content'.", name, "missing_required_parameter"));
    }

    private static string ContentOf(JsonElement content, string name, bool mayBeNull) => content.ValueKind switch
    {
        JsonValueKind.Null when mayBeNull => "",
        JsonValueKind.Array => string.Concat(content.EnumerateArray().Select(part => PartOf(part, name))),
        _ => RequestBody.TextOf(content, name),
    };

    private static string PartOf(JsonElement part, string name) =>
        part.ValueKind == JsonValueKind.Object && part.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
            && type.ValueEquals("text") && part.TryGetProperty("text", out var text)
            ? RequestBody.TextOf(text, name)
            : throw RequestBody.Wrong(name, "text or parts of type text", part);
}
