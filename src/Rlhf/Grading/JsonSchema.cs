using System.Text.Json;

namespace Rlhf.Grading;

/// <summary>
/// A part of JSON Schema (draft 2020-12): <c>type</c>, <c>enum</c>, <c>const</c>; <c>properties</c>, <c>required</c>, <c>additionalProperties</c>,
/// <c>minProperties</c>, <c>maxProperties</c>; <c>items</c>, <c>minItems</c>, <c>maxItems</c>; <c>minLength</c>, <c>maxLength</c>, <c>pattern</c>;
/// <c>minimum</c>, <c>maximum</c>, <c>exclusiveMinimum</c>, <c>exclusiveMaximum</c>; <c>anyOf</c>, <c>allOf</c>, <c>oneOf</c>, <c>not</c>. Notes
/// (<c>title</c>, <c>description</c>, ...) are read over; everything else is refused, since a keyword without effect would let everything pass. Patterns match
/// in time in proportion to the text.
/// </summary>
internal sealed class JsonSchema
{
    private static readonly string[] Notes = ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"];

    private readonly List<Func<JsonElement, bool>> _checks = [];

    private JsonSchema()
    {
    }

    /// <summary>Reads a schema.</summary>
    /// <exception cref="InputException">It is no JSON, has a keyword that is not known here, or one with a value that it does not take.</exception>
    public static JsonSchema Parse(string text) => JsonRule.Parse(text) is { } json
        ? Of(json, "the schema")
        : throw new InputException("the schema is no JSON (or has a key twice)");

    /// <summary>Whether a value is as the schema says.</summary>
    public bool Allows(JsonElement value) => _checks.TrueForAll(check => check(value));

    private static JsonSchema Of(JsonElement json, string place)
    {
        var schema = new JsonSchema();
        if (json.ValueKind == JsonValueKind.False)
        {
            schema._checks.Add(static _ => false);
        }
        else if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (var keyword in json.EnumerateObject().Where(static keyword => !Notes.Contains(keyword.Name)))
            {
                schema._checks.Add(CheckOf(keyword.Name, keyword.Value, json, $"{place}: {keyword.Name}"));
            }
        }
        else if (json.ValueKind != JsonValueKind.True)
        {
            throw new InputException($"{place} must be an object, true or false");
        }

        return schema;
    }

    private static Func<JsonElement, bool> CheckOf(string keyword, JsonElement value, JsonElement schema, string place) => keyword switch
    {
        "type" => TypeCheck(value, place),
        "const" => other => JsonElement.DeepEquals(value, other),
        "enum" => OneOfValues(ArrayOf(value, place)),
        "properties" => PropertiesCheck(value, place),
        "required" => RequiredCheck(value, place),
        "additionalProperties" => AdditionalCheck(value, schema, place),
        "minProperties" => Counted(JsonValueKind.Object, static other => other.EnumerateObject().Count(), CountOf(value, place), int.MaxValue),
        "maxProperties" => Counted(JsonValueKind.Object, static other => other.EnumerateObject().Count(), 0, CountOf(value, place)),
        "items" => ItemsCheck(Of(value, place)),
        "minItems" => Counted(JsonValueKind.Array, static other => other.GetArrayLength(), CountOf(value, place), int.MaxValue),
        "maxItems" => Counted(JsonValueKind.Array, static other => other.GetArrayLength(), 0, CountOf(value, place)),
        "minLength" => Counted(JsonValueKind.String, static other => other.GetString()!.EnumerateRunes().Count(), CountOf(value, place), int.MaxValue),
        "maxLength" => Counted(JsonValueKind.String, static other => other.GetString()!.EnumerateRunes().Count(), 0, CountOf(value, place)),
        "pattern" => PatternCheck(value, place),
        "minimum" => Compared(value, place, static (number, bound) => number >= bound),
        "maximum" => Compared(value, place, static (number, bound) => number <= bound),
        "exclusiveMinimum" => Compared(value, place, static (number, bound) => number > bound),
        "exclusiveMaximum" => Compared(value, place, static (number, bound) => number < bound),
        "anyOf" => Combined(value, place, static (schemas, other) => Array.Exists(schemas, one => one.Allows(other))),
        "allOf" => Combined(value, place, static (schemas, other) => Array.TrueForAll(schemas, one => one.Allows(other))),
        "oneOf" => Combined(value, place, static (schemas, other) => schemas.Count(one => one.Allows(other)) == 1),
        "not" => NotCheck(Of(value, place)),
        _ => throw new InputException($"{place} is not among the keywords that are read here (docs/rewards.md lists them)"),
    };

    private static Func<JsonElement, bool> TypeCheck(JsonElement value, string place)
    {
        JsonElement[] names = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        string[] types = [.. names.Select(name => name.ValueKind == JsonValueKind.String ? name.GetString()! : "")];
        return types.Length > 0 && types.All(JsonTypes.All.Contains)
            ? other => types.Any(type => JsonTypes.Is(other, type))
            : throw new InputException($"{place} must be one or more of {string.Join(", ", JsonTypes.All)}");
    }

    private static Func<JsonElement, bool> OneOfValues(JsonElement[] values) => other => Array.Exists(values, value => JsonElement.DeepEquals(value, other));

    private static Func<JsonElement, bool> PropertiesCheck(JsonElement value, string place)
    {
        var schemas = ObjectOf(value, place).EnumerateObject().ToDictionary(
            static property => property.Name, property => Of(property.Value, $"{place}.{property.Name}"), StringComparer.Ordinal);
        return other => other.ValueKind != JsonValueKind.Object
            || other.EnumerateObject().All(property => !schemas.TryGetValue(property.Name, out var schema) || schema.Allows(property.Value));
    }

    private static Func<JsonElement, bool> RequiredCheck(JsonElement value, string place)
    {
        string[] names = [.. ArrayOf(value, place).Select(
            name => name.ValueKind == JsonValueKind.String ? name.GetString()! : throw new InputException($"{place} must be a list of texts"))];
        return other => other.ValueKind != JsonValueKind.Object || Array.TrueForAll(names, name => other.TryGetProperty(name, out _));
    }

    private static Func<JsonElement, bool> AdditionalCheck(JsonElement value, JsonElement schema, string place)
    {
        var others = Of(value, place);
        HashSet<string> known = schema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object
            ? [.. properties.EnumerateObject().Select(static property => property.Name)]
            : [];
        return other => other.ValueKind != JsonValueKind.Object
            || other.EnumerateObject().All(property => known.Contains(property.Name) || others.Allows(property.Value));
    }

    private static Func<JsonElement, bool> ItemsCheck(JsonSchema item) =>
        other => other.ValueKind != JsonValueKind.Array || other.EnumerateArray().All(item.Allows);

    private static Func<JsonElement, bool> PatternCheck(JsonElement value, string place)
    {
        var pattern = value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new InputException($"{place} must be a text");
        var expression = RegexRule.Problem(pattern) is { } problem ? throw new InputException($"{place} {problem}") : RegexRule.Compile(pattern, false);
        return other => other.ValueKind != JsonValueKind.String || expression.IsMatch(other.GetString()!);
    }

    private static Func<JsonElement, bool> Counted(JsonValueKind kind, Func<JsonElement, int> count, int least, int most) =>
        other => other.ValueKind != kind || (count(other) is var found && found >= least && found <= most);

    private static Func<JsonElement, bool> Compared(JsonElement value, string place, Func<double, double, bool> holds)
    {
        var bound = value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw new InputException($"{place} must be a number");
        return other => other.ValueKind != JsonValueKind.Number || holds(other.GetDouble(), bound);
    }

    private static Func<JsonElement, bool> Combined(JsonElement value, string place, Func<JsonSchema[], JsonElement, bool> holds)
    {
        JsonSchema[] schemas = [.. ArrayOf(value, place).Select(one => Of(one, place))];
        return other => holds(schemas, other);
    }

    private static Func<JsonElement, bool> NotCheck(JsonSchema schema) => other => !schema.Allows(other);

    private static JsonElement[] ArrayOf(JsonElement value, string place) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
        ? [.. value.EnumerateArray()]
        : throw new InputException($"{place} must be a list with something in it");

    private static JsonElement ObjectOf(JsonElement value, string place) =>
        value.ValueKind == JsonValueKind.Object ? value : throw new InputException($"{place} must be an object");

    private static int CountOf(JsonElement value, string place) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) && count >= 0
        ? count
        : throw new InputException($"{place} must be a whole number, 0 or above");
}
