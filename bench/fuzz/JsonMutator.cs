using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Fuzz;

/// <summary>Changes a JSON text by one of its values, so that what comes out is JSON still.</summary>
internal static class JsonMutator
{
    /// <summary>Texts at which programs stumble.</summary>
    public static readonly string[] Texts =
    [
        "", " ", "\0", "a\u0301\u200d", "\u202e", "\U0001F600", "../../x", "/dev/zero", "%s%n", "true", "null", "1e999", "-0", "0x10", "9223372036854775808",
        "NaN", "\r\n", "\"", "\\", "<s>", "</s>", "[UNK]",
        "\u2581", "\u0120", "(a+)+$", "[", "(?<=a)b", "{{", "{% for %}", new('x', 5_000),
    ];

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "1", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "18446744073709551616", "1e308", "1e999",
        "-0.0", "0.1", "1e-320",
        "[]", "{}", "[[]]", "[0]", "\"\"", "\"\\ud800\"", "{\"a\":{\"a\":{\"a\":{}}}}",
    ];

    /// <summary>The text with one value changed; unchanged bytes are changed instead where it is no JSON.</summary>
    public static byte[] Change(byte[] content, FuzzRandom random, bool lines)
    {
        if (!lines)
        {
            return ChangeOne(content, random);
        }

        var rows = Encoding.UTF8.GetString(content).Split('\n').ToList();
        var at = random.Below(rows.Count);
        if (random.OneIn(8))
        {
            rows.Insert(random.Below(rows.Count), rows[at]);
        }
        else
        {
            rows[at] = Encoding.UTF8.GetString(ChangeOne(Encoding.UTF8.GetBytes(rows[at]), random));
        }

        return Encoding.UTF8.GetBytes(string.Join('\n', rows));
    }

    private static byte[] ChangeOne(byte[] content, FuzzRandom random)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(content);
        }
        catch (JsonException)
        {
            return Mutator.ChangeBytes(content, random);
        }

        if (random.OneIn(40))
        {
            return Encoding.UTF8.GetBytes(new string('[', 1 + random.Below(3_000)));
        }

        try
        {
            if (root is null || Walk(root, random) is not { } target)
            {
                return Encoding.UTF8.GetBytes(random.Of(Values));
            }

            Apply(target, random);
            return Encoding.UTF8.GetBytes(Raw(root));
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or JsonException)
        {
            // A key that stands twice, or half a surrogate pair: the tree cannot be changed.
            return Mutator.ChangeBytes(content, random);
        }
    }

    /// <summary>An object or list somewhere in the tree; null where there is none.</summary>
    private static JsonNode? Walk(JsonNode root, FuzzRandom random)
    {
        JsonNode? found = root is JsonObject or JsonArray ? root : null;
        for (var node = found; node is not null; found = node)
        {
            JsonNode?[] children = node switch { JsonObject map => [.. map.Select(entry => entry.Value)], JsonArray list => [.. list], _ => [] };
            children = [.. children.Where(child => child is JsonObject { Count: > 0 } or JsonArray { Count: > 0 })];
            if (children.Length == 0 || random.OneIn(3))
            {
                return node;
            }

            node = random.Of(children);
        }

        return found;
    }

    private static void Apply(JsonNode target, FuzzRandom random)
    {
        if (target is JsonArray list)
        {
            ChangeList(list, random);
        }
        else
        {
            ChangeObject((JsonObject)target, random);
        }
    }

    private static void ChangeList(JsonArray list, FuzzRandom random)
    {
        if (list.Count == 0)
        {
            list.Add(Value(null, random));
            return;
        }

        var at = random.Below(list.Count);
        switch (random.Below(4))
        {
            case 0:
                list.RemoveAt(at);
                break;
            case 1:
                for (var left = random.OneIn(10) ? 500 : 1; left > 0; left--)
                {
                    list.Insert(at, list[at]?.DeepClone());
                }

                break;
            default:
                list[at] = Value(list[at], random);
                break;
        }
    }

    private static void ChangeObject(JsonObject map, FuzzRandom random)
    {
        if (map.Count == 0)
        {
            map[random.Of(Texts)] = Value(null, random);
            return;
        }

        var key = random.Of([.. map.Select(entry => entry.Key)]);
        switch (random.Below(6))
        {
            case 0:
                map.Remove(key);
                break;
            case 1:
                map[random.OneIn(2) ? key + "_" : random.Of(Texts)] = map[key]?.DeepClone();
                break;
            case 2:
                var other = random.Of([.. map.Select(entry => entry.Key)]);
                map[key] = map[other]?.DeepClone();
                break;
            default:
                map[key] = Value(map[key], random);
                break;
        }
    }

    private static JsonNode? Value(JsonNode? old, FuzzRandom random)
    {
        switch (random.Below(4))
        {
            case 0:
                return JsonValue.Create(random.Of(Texts));
            case 1 when old is JsonValue value && value.TryGetValue<double>(out var number):
                return JsonValue.Create(number + random.Of([-1.0, 1, 0.5, 1_000, -number, number]));
            case 2 when old is JsonValue value && value.TryGetValue<string>(out var text):
                return JsonValue.Create(random.OneIn(2) ? text + random.Of(Texts) : text[..random.Below(text.Length + 1)]);
            case 3 when old is not null:
                return new JsonArray(old.DeepClone());
            default:
                return JsonNode.Parse(random.Of(Values));
        }
    }

    private static string Raw(JsonNode root) =>
        root.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
