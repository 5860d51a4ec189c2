using System.Text.Json;
using Rlhf.Text.Grammars;

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
    private readonly List<Func<JsonElement, bool>> _checks = [];

    private JsonSchema(string place, JsonElement schema)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            var passes = schema.GetBoolean();
            _checks.Add(_ => passes);
            return;
        }

        var words = SchemaWords.Of(schema, place);
        ReadValues(words);
        ReadSizes(words);
        ReadNumbers(words);
        ReadParts(words);
        ReadCombinations(words);
        if (words.Unread().FirstOrDefault() is { } word)
        {
            throw SchemaWords.Wrong(place, $"\"{word}\" is not among the keywords that are read here (docs/rewards.md lists them)");
        }
    }

    /// <summary>Reads a schema.</summary>
    /// <exception cref="InputException">It is no JSON, has a keyword that is not known here, or one with a value that it does not take.</exception>
    public static JsonSchema Parse(string text) => JsonRule.Parse(text) is { } json
        ? new JsonSchema("#", json)
        : throw new InputException("the schema is no JSON (or has a key twice)");

    /// <summary>Whether a value is as the schema says.</summary>
    public bool Allows(JsonElement value) => _checks.TrueForAll(check => check(value));

    private void ReadValues(SchemaWords words)
    {
        if (words.Types() is { } types)
        {
            _checks.Add(value => types.Any(type => JsonTypes.Is(value, type)));
        }

        if (words.Find("const") is { } only)
        {
            _checks.Add(value => JsonElement.DeepEquals(only, value));
        }

        if (words.Values("enum") is { } some)
        {
            _checks.Add(value => Array.Exists(some, one => JsonElement.DeepEquals(one, value)));
        }

        if (words.Text("pattern") is { } pattern)
        {
            var expression = RegexRule.Problem(pattern) is { } problem
                ? throw SchemaWords.Wrong(words.Place, $"\"pattern\" {problem}")
                : RegexRule.Compile(pattern, false);
            _checks.Add(value => value.ValueKind != JsonValueKind.String || expression.IsMatch(value.GetString()!));
        }
    }

    private void ReadSizes(SchemaWords words)
    {
        Read(JsonValueKind.Object, static value => value.EnumerateObject().Count(), "Properties");
        Read(JsonValueKind.Array, static value => value.GetArrayLength(), "Items");
        Read(JsonValueKind.String, static value => value.GetString()!.EnumerateRunes().Count(), "Length");

        void Read(JsonValueKind kind, Func<JsonElement, int> sizeOf, string what)
        {
            var (least, most) = (words.Count("min" + what), words.Count("max" + what));
            if (least is not null || most is not null)
            {
                _checks.Add(value => value.ValueKind != kind || (sizeOf(value) is var size && !(size < least) && !(size > most)));
            }
        }
    }

    private void ReadNumbers(SchemaWords words)
    {
        Read("minimum", static (number, bound) => number >= bound);
        Read("maximum", static (number, bound) => number <= bound);
        Read("exclusiveMinimum", static (number, bound) => number > bound);
        Read("exclusiveMaximum", static (number, bound) => number < bound);

        void Read(string word, Func<double, double, bool> holds)
        {
            if (words.Number(word) is { } bound)
            {
                _checks.Add(value => value.ValueKind != JsonValueKind.Number || holds(value.GetDouble(), bound));
            }
        }
    }

    private void ReadParts(SchemaWords words)
    {
        var properties = words.Named("properties").ToDictionary(
            static property => property.Name, static property => new JsonSchema(property.Place, property.Schema), StringComparer.Ordinal);
        var others = Under(words, "additionalProperties");
        if (properties.Count > 0 || others is not null)
        {
            _checks.Add(value => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().All(
                part => (properties.TryGetValue(part.Name, out var own) ? own : others)?.Allows(part.Value) != false));
        }

        if (words.Names("required") is { Count: > 0 } required)
        {
            _checks.Add(value => value.ValueKind != JsonValueKind.Object || required.All(name => value.TryGetProperty(name, out _)));
        }

        if (Under(words, "items") is { } items)
        {
            _checks.Add(value => value.ValueKind != JsonValueKind.Array || value.EnumerateArray().All(items.Allows));
        }
    }

    private void ReadCombinations(SchemaWords words)
    {
        Read("anyOf", static (schemas, value) => Array.Exists(schemas, one => one.Allows(value)));
        Read("allOf", static (schemas, value) => Array.TrueForAll(schemas, one => one.Allows(value)));
        Read("oneOf", static (schemas, value) => schemas.Count(one => one.Allows(value)) == 1);
        if (Under(words, "not") is { } excluded)
        {
            _checks.Add(value => !excluded.Allows(value));
        }

        void Read(string word, Func<JsonSchema[], JsonElement, bool> holds)
        {
            if (words.Schemas(word) is { } given)
            {
                JsonSchema[] schemas = [.. given.Select(static one => new JsonSchema(one.Place, one.Schema))];
                _checks.Add(value => holds(schemas, value));
            }
        }
    }

    private static JsonSchema? Under(SchemaWords words, string word) => words.Schema(word) is { } given ? new JsonSchema(given.Place, given.Schema) : null;
}
