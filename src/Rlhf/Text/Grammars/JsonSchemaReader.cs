using System.Text.Json;

namespace Rlhf.Text.Grammars;

/// <summary>
/// Reads the part of JSON Schema (2020-12) that answers can be held to (docs/serving.md). What a schema says beyond it is refused by name; every value that
/// the nodes allow satisfies the schema, but not every value that satisfies it is allowed: objects have the properties that are named, in that order.
/// </summary>
internal sealed partial class JsonSchemaReader
{
    // Without type a schema is of the types whose keywords it has.
    private static readonly (string Type, string[] Words)[] Telling =
    [
        ("object", ["properties", "required", "additionalProperties"]), ("array", ["items", "minItems", "maxItems"]), ("string", ["minLength", "maxLength"]),
    ];

    private readonly JsonElement _root;
    private readonly Dictionary<string, Alternatives> _places = new(StringComparer.Ordinal);
    private readonly List<SchemaNode> _nodes = [];
    private readonly Queue<(JsonElement Schema, Alternatives Into)> _unread = [];
    private readonly SortedSet<string> _unknown = new(StringComparer.Ordinal);
    private Alternatives? _anything;
    private long _literalBytes;

    private JsonSchemaReader(JsonElement root) => _root = root;

    /// <summary>What a schema allows.</summary>
    /// <exception cref="InputException">It is no schema, says something that is not supported, is too large, or nothing satisfies it.</exception>
    public static Alternatives Read(JsonElement schema)
    {
        var reader = new JsonSchemaReader(schema);
        return reader.Finish(reader.At("#", schema));
    }

    /// <summary>Any object.</summary>
    public static Alternatives AnyObject()
    {
        var reader = new JsonSchemaReader(default);
        var root = new Alternatives("#");
        root.Given.Add(reader.Add(new ObjectNode([], reader.Anything())));
        reader._nodes.Add(root);
        return reader.Finish(root);
    }

    private Alternatives Finish(Alternatives root)
    {
        while (_unread.TryDequeue(out var next))
        {
            ReadInto(next.Schema, next.Into);
        }

        if (_unknown.Count > 0)
        {
            throw new InputException($"The schema has what is not supported: {string.Join(", ", _unknown.Take(10))}{(_unknown.Count > 10 ? ", ..." : "")}.");
        }

        foreach (var holder in _nodes.OfType<Alternatives>())
        {
            holder.Flatten();
            Require(holder.Options.Count <= Limits.SchemaAlternatives, $"more than {Limits.SchemaAlternatives} alternatives at {holder.Place}");
        }

        FindDepths();
        foreach (var holder in _nodes.OfType<Alternatives>())
        {
            holder.Prune();
        }

        return root.Depth <= Limits.AnswerDepth ? root
            : throw new InputException("The schema cannot be satisfied: it asks for a value that contradicts itself, or that contains itself without end.");
    }

    // The least solution: everything begins as "never", and what is found only falls.
    private void FindDepths()
    {
        for (var changed = true; changed;)
        {
            changed = false;
            foreach (var node in _nodes)
            {
                var depth = node.FindDepth();
                (changed, node.Depth) = (changed || depth < node.Depth, Math.Min(depth, node.Depth));
            }
        }
    }

    private Alternatives At(string place, JsonElement schema)
    {
        if (!_places.TryGetValue(place, out var holder))
        {
            _places[place] = holder = Add(new Alternatives(place));
            _unread.Enqueue((schema, holder));
        }

        return holder;
    }

    private T Add<T>(T node)
        where T : SchemaNode
    {
        _nodes.Add(node);
        Require(_nodes.Count <= Limits.SchemaNodes, $"more than {Limits.SchemaNodes} parts");
        return node;
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InputException($"The schema is too large: it has {otherwise}.");
        }
    }

    private void ReadInto(JsonElement schema, Alternatives into)
    {
        if (schema.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            into.Given.AddRange(schema.GetBoolean() ? [Anything()] : []);
            return;
        }

        var words = SchemaWords.Of(schema, into.Place);
        foreach (var alone in (string[])["$ref", "anyOf", "allOf", "enum", "const"])
        {
            if (words.Has(alone))
            {
                ReadAlone(alone, words, into);
                Refuse(words);
                return;
            }
        }

        foreach (var type in words.Types() ?? TypesTold(words))
        {
            into.Given.Add(NodeOf(type, words));
        }

        Refuse(words);
    }

    private static IReadOnlyList<string> TypesTold(SchemaWords words)
    {
        string[] told = [.. Telling.Where(each => each.Words.Any(words.Has)).Select(static each => each.Type)];
        return told.Length > 0 ? told : ["any"];
    }

    private void Refuse(SchemaWords words) => _unknown.UnionWith(words.Unread().Select(word => $"\"{word}\" at {words.Place}"));

    /// <summary>Words beside which no other may stand.</summary>
    private void ReadAlone(string word, SchemaWords words, Alternatives into)
    {
        switch (word)
        {
            case "$ref":
                into.Given.Add(Referred(words.Find(word)!.Value, into.Place));
                break;
            case "allOf" when words.Schemas(word)!.Count > 1:
                _unknown.Add($"\"allOf\" of several schemas at {into.Place}");
                break;
            case "anyOf" or "allOf":
                into.Given.AddRange(words.Schemas(word)!.Select(one => At(one.Place, one.Schema)));
                break;
            default:
                into.Given.Add(Add(LiteralsOf(word == "const" ? [words.Find(word)!.Value] : words.Values(word)!, words)));
                break;
        }
    }

    private SchemaNode NodeOf(string type, SchemaWords words) => type switch
    {
        "null" => Add(new LiteralNode(["null"u8.ToArray()])),
        "boolean" => Add(new LiteralNode(["false"u8.ToArray(), "true"u8.ToArray()])),
        "integer" => Add(new NumberNode(isWhole: true)),
        "number" => Add(new NumberNode(isWhole: false)),
        "string" => Add(new StringNode(words.Count("minLength") ?? 0, words.Count("maxLength"))),
        "array" => Add(new ArrayNode(Under("items", words) ?? Anything(), words.Count("minItems") ?? 0, words.Count("maxItems"))),
        "object" => ObjectOf(words),
        "any" => Anything(),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private Alternatives? Under(string word, SchemaWords words) => words.Schema(word) is { } given ? At(given.Place, given.Schema) : null;

    private ObjectNode ObjectOf(SchemaWords words)
    {
        var rest = Under("additionalProperties", words);
        var required = words.Names("required");
        var properties = new List<SchemaProperty>();
        foreach (var (name, place, schema) in words.Named("properties"))
        {
            properties.Add(new SchemaProperty(NameOf(name), At(place, schema), required.Remove(name)));
        }

        // A required property that is not described may be anything that a property beyond the described ones may be.
        properties.AddRange(required.Select(name => new SchemaProperty(NameOf(name), rest ?? Anything(), IsRequired: true)));
        return Add(new ObjectNode(properties, properties.Count == 0 ? rest ?? Anything() : null));
    }

    private Alternatives Anything()
    {
        if (_anything is null)
        {
            _anything = new Alternatives("#any");
            _nodes.Add(_anything);
            var words = SchemaWords.None("#any");
            _anything.Given.AddRange(((string[])["object", "array", "string", "number", "boolean", "null"]).Select(type => NodeOf(type, words)));
        }

        return _anything;
    }
}
