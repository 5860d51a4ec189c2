using System.Text.Json;

namespace Rlhf.Text.Grammars;

/// <summary>The keywords of one schema; those that nobody asked for are not supported there.</summary>
internal sealed class SchemaWords(JsonElement schema, string place)
{
    private static readonly (string Type, string[] Words)[] Telling =
    [
        ("object", ["properties", "required", "additionalProperties"]), ("array", ["items", "minItems", "maxItems"]), ("string", ["minLength", "maxLength"]),
    ];

    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    /// <summary>Where the schema stands, as a JSON pointer.</summary>
    public string Place => place;

    public JsonElement? Find(string word)
    {
        _read.Add(word);
        return schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(word, out var value) ? value : null;
    }

    public bool Has(string word) => schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(word, out _);

    public IEnumerable<string> Unread() => schema.EnumerateObject().Select(static word => word.Name).Where(word => !_read.Contains(word));

    /// <summary>The types that a value may have; without <c>type</c> those whose keywords are there, or else any.</summary>
    public IReadOnlyList<string> Types()
    {
        if (Find("type") is not { } value)
        {
            string[] told = [.. Telling.Where(each => each.Words.Any(Has)).Select(static each => each.Type)];
            return told.Length > 0 ? told : ["any"];
        }

        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(Text)] : [Text(value)];
    }

    /// <summary>A whole number of at least 0; null where the word is absent.</summary>
    public int? Count(string word) => Find(word) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0 ? number
        : throw JsonSchemaReader.Wrong(place, $"\"{word}\" must be a whole number from 0 to {int.MaxValue}");

    /// <summary>A list of names, each once.</summary>
    public HashSet<string> Names(string word) => Find(word) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(Text)]
            : throw JsonSchemaReader.Wrong(place, $"\"{word}\" must be a list of names");

    private string Text(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw JsonSchemaReader.Wrong(place, "a name must be a text");
}
