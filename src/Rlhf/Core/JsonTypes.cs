using System.Text.Json;

namespace Rlhf.Core;

/// <summary>The types of JSON Schema.</summary>
internal static class JsonTypes
{
    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> All { get; } = ["object", "array", "string", "number", "integer", "boolean", "null"];

    /// <summary>Whether a value is of a type; whole numbers are of two.</summary>
    public static bool Is(JsonElement value, string type) => value.ValueKind switch
    {
        JsonValueKind.Object => type == "object",
        JsonValueKind.Array => type == "array",
        JsonValueKind.String => type == "string",
        JsonValueKind.Number => type == "number" || (type == "integer" && double.IsInteger(value.GetDouble())),
        JsonValueKind.True or JsonValueKind.False => type == "boolean",
        _ => type == "null",
    };
}
