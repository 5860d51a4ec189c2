using System.Text.Json;

namespace Rlhf.Web.Serving;

/// <summary>The <c>response_format</c> of a request: JSON, perhaps of a schema.</summary>
/// <param name="Schema">The schema; null for any object.</param>
internal sealed record ResponseFormat(JsonElement? Schema)
{
    public const string Name = "response_format";

    /// <summary>Null where the request asks for text, or does not say.</summary>
    public static ResponseFormat? Read(RequestBody body)
    {
        if (body.Find(Name) is not { } value)
        {
            return null;
        }

        var type = value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var given) && given.ValueKind == JsonValueKind.String
            ? given.GetString()!
            : throw RequestBody.Wrong(Name, "an object with a type: text, json_object or json_schema", value);
        var allowed = type == "json_schema" ? "json_schema" : "type";
        foreach (var property in value.EnumerateObject().Where(property => property.Name != "type" && property.Name != allowed))
        {
            throw ApiException.Invalid($"Unknown parameter: '{Name}.{property.Name}'.", Name, "unknown_parameter");
        }

        return type switch
        {
            "text" => null,
            "json_object" => new ResponseFormat((JsonElement?)null),
            "json_schema" => new ResponseFormat(SchemaOf(value)),
            _ => throw ApiException.Invalid(
                $"Invalid value for '{Name}.type': expected text, json_object or json_schema, found '{type[..Math.Min(60, type.Length)]}'.", Name,
                "invalid_value"),
        };
    }

    private static JsonElement SchemaOf(JsonElement format)
    {
        if (!format.TryGetProperty("json_schema", out var named) || named.ValueKind != JsonValueKind.Object)
        {
            throw ApiException.Invalid($"Missing required parameter: '{Name}.json_schema'.", Name, "missing_required_parameter");
        }

        foreach (var property in named.EnumerateObject())
        {
            var isRight = property.Name switch
            {
                "name" or "description" => property.Value.ValueKind is JsonValueKind.String or JsonValueKind.Null,
                "strict" => property.Value.ValueKind is JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null,
                "schema" => true,
                _ => throw ApiException.Invalid($"Unknown parameter: '{Name}.json_schema.{property.Name}'.", Name, "unknown_parameter"),
            };
            if (!isRight)
            {
                throw RequestBody.Wrong($"{Name}.json_schema.{property.Name}", property.Name == "strict" ? "true or false" : "a string", property.Value, Name);
            }
        }

        return named.TryGetProperty("schema", out var schema)
            ? schema
            : throw ApiException.Invalid($"Missing required parameter: '{Name}.json_schema.schema'.", Name, "missing_required_parameter");
    }
}
