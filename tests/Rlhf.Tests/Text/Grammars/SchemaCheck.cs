using System.Text.Json;

namespace Rlhf.Tests.Text.Grammars;

/// <summary>Whether a value satisfies a schema, by the words that answers can be held to: written for the tests alone, straight from the standard.</summary>
internal static class SchemaCheck
{
    public static bool Holds(JsonElement schema, JsonElement value, JsonElement root)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return schema.GetBoolean();
        }

        return schema.EnumerateObject().All(word => word.Name switch
        {
            "$ref" => Holds(Referred(root, word.Value.GetString()!), value, root),
            "anyOf" => word.Value.EnumerateArray().Any(each => Holds(each, value, root)),
            "allOf" => word.Value.EnumerateArray().All(each => Holds(each, value, root)),
            "enum" => word.Value.EnumerateArray().Any(each => JsonElement.DeepEquals(each, value)),
            "const" => JsonElement.DeepEquals(word.Value, value),
            "type" => word.Value.ValueKind == JsonValueKind.Array
                ? word.Value.EnumerateArray().Any(type => Is(value, type.GetString()!))
                : Is(value, word.Value.GetString()!),
            "minLength" => value.ValueKind != JsonValueKind.String || value.GetString()!.EnumerateRunes().Count() >= word.Value.GetInt32(),
            "maxLength" => value.ValueKind != JsonValueKind.String || value.GetString()!.EnumerateRunes().Count() <= word.Value.GetInt32(),
            "minItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= word.Value.GetInt32(),
            "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= word.Value.GetInt32(),
            "items" => value.ValueKind != JsonValueKind.Array || value.EnumerateArray().All(item => Holds(word.Value, item, root)),
            "required" => value.ValueKind != JsonValueKind.Object || word.Value.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _)),
            "properties" => value.ValueKind != JsonValueKind.Object
                || word.Value.EnumerateObject().All(each => !value.TryGetProperty(each.Name, out var own) || Holds(each.Value, own, root)),
            "additionalProperties" => value.ValueKind != JsonValueKind.Object
                || value.EnumerateObject().Where(own => !IsNamed(schema, own.Name)).All(own => Holds(word.Value, own.Value, root)),
            _ => true,
        });
    }

    private static bool IsNamed(JsonElement schema, string name) => schema.TryGetProperty("properties", out var named) && named.TryGetProperty(name, out _);

    private static JsonElement Referred(JsonElement root, string pointer) =>
        pointer.Split('/').Skip(1).Aggregate(root, (at, step) => at.ValueKind == JsonValueKind.Array
            ? at[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)]
            : at.GetProperty(step));

    private static bool Is(JsonElement value, string type) => type switch
    {
        "null" => value.ValueKind == JsonValueKind.Null,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && double.IsInteger(value.GetDouble()),
        "number" => value.ValueKind == JsonValueKind.Number,
        "string" => value.ValueKind == JsonValueKind.String,
        "array" => value.ValueKind == JsonValueKind.Array,
        _ => value.ValueKind == JsonValueKind.Object,
    };
}
