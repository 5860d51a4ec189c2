using System.Text.Json;

namespace Rlhf.Text.Grammars;

/// <summary>The keywords of one JSON schema, as all that read schemas ask for them; those that nobody asked for are not supported there.</summary>
internal sealed class SchemaWords
{
    private static readonly HashSet<string> Remarks = new(StringComparer.Ordinal)
    {
        "title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs", "definitions", "deprecated", "readOnly", "writeOnly",
    };

    private readonly JsonElement _schema;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    private SchemaWords(JsonElement schema, string place) => (_schema, Place) = (schema, place);

    /// <summary>The keywords of a schema that is no mere true or false.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="place">Where it stands, as a JSON pointer.</param>
    /// <exception cref="InputException">It is no object; so of all that follow where a keyword has no value that it can have.</exception>
    public static SchemaWords Of(JsonElement schema, string place) => schema.ValueKind == JsonValueKind.Object
        ? new SchemaWords(schema, place)
        : throw Wrong(place, "expected a schema: an object, true or false");

    /// <summary>No keywords.</summary>
    public static SchemaWords None(string place) => new(default, place);

    /// <summary>What is told of a schema that is none.</summary>
    public static InputException Wrong(string place, string what) => new($"The schema is wrong at {place}: {what}.");

    /// <summary>Where the schema stands, as a JSON pointer.</summary>
    public string Place { get; }

    /// <summary>The value of a keyword; null where it is absent.</summary>
    public JsonElement? Find(string word)
    {
        _read.Add(word);
        return Has(word) ? _schema.GetProperty(word) : null;
    }

    /// <summary>Whether a keyword is there.</summary>
    public bool Has(string word) => _schema.ValueKind == JsonValueKind.Object && _schema.TryGetProperty(word, out _);

    /// <summary>Keywords that nobody asked for, without those that change nothing.</summary>
    public IEnumerable<string> Unread() =>
        _schema.EnumerateObject().Select(static word => word.Name).Where(word => !_read.Contains(word) && !Remarks.Contains(word));

    /// <summary>The types that <c>type</c> names; null without it.</summary>
    public IReadOnlyList<string>? Types()
    {
        if (Find("type") is not { } value)
        {
            return null;
        }

        string[] types = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(TextOf)] : [TextOf(value)];
        var wrong = Array.Find(types, static type => !JsonTypes.All.Contains(type));
        return types.Length > 0 && wrong is null
            ? types
            : throw Wrong(Place,
                $"\"type\" must be one or more of {string.Join(", ", JsonTypes.All)}{(wrong is null ? "" : $"; there is no type \"{wrong}\"")}");
    }

    /// <summary>A whole number of at least 0; null where the keyword is absent.</summary>
    public int? Count(string word) => Find(word) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0 ? number
        : throw Wrong(Place, $"\"{word}\" must be a whole number from 0 to {int.MaxValue}");

    /// <summary>A number; null where the keyword is absent.</summary>
    public double? Number(string word) => Find(word) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number ? value.GetDouble()
        : throw Wrong(Place, $"\"{word}\" must be a number");

    /// <summary>A text; null where the keyword is absent.</summary>
    public string? Text(string word) => Find(word) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(Place, $"\"{word}\" must be a text");

    /// <summary>A list of names, each once; empty where the keyword is absent.</summary>
    public HashSet<string> Names(string word) => Find(word) is not { } value ? []
        : value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(TextOf)]
            : throw Wrong(Place, $"\"{word}\" must be a list of names");

    /// <summary>A list of at least one value; null where the keyword is absent.</summary>
    public JsonElement[]? Values(string word, string what = "values") => Find(word) is not { } value ? null
        : value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
            ? [.. value.EnumerateArray()]
            : throw Wrong(Place, $"\"{word}\" must be a list of {what}, at least one");

    /// <summary>The schema beneath a keyword; null where the keyword is absent.</summary>
    public (string Place, JsonElement Schema)? Schema(string word) => Find(word) is { } value ? ($"{Place}/{word}", value) : null;

    /// <summary>The schemas in a list; null where the keyword is absent.</summary>
    public IReadOnlyList<(string Place, JsonElement Schema)>? Schemas(string word) =>
        Values(word, "schemas")?.Select((schema, i) => (FormattableString.Invariant($"{Place}/{word}/{i}"), schema)).ToArray();

    /// <summary>The schemas by name beneath a keyword, in its order; empty where the keyword is absent.</summary>
    public IReadOnlyList<(string Name, string Place, JsonElement Schema)> Named(string word) => Find(word) is not { } value ? []
        : value.ValueKind != JsonValueKind.Object ? throw Wrong(Place, $"\"{word}\" must be an object")
        : [.. value.EnumerateObject().Select(property => (property.Name, $"{Place}/{word}/{Step(property.Name)}", property.Value))];

    private static string Step(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private string TextOf(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(Place, "a name must be a text");
}
