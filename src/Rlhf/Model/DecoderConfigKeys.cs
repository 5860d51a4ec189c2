using System.Globalization;
using System.Text.Json;

namespace Rlhf.Model;

/// <summary>
/// One JSON object of a model's configuration while it is read: remembers which keys were asked for and collects what is
/// wrong, so that a person sees every problem at once. Reading goes on after a problem with a stand-in value; the caller
/// must not use the result when there are problems.
/// </summary>
internal sealed class DecoderConfigKeys(JsonElement json, string prefix, List<string> problems)
{
    /// <summary>The key that names code beside the model, which is neither run nor carried along.</summary>
    public const string OwnCode = "auto_map";

    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public bool Contains(string key) => TryGet(key, out _);

    public bool ContainsKeyEvenNull(string key) => json.TryGetProperty(key, out _);

    public void Refuse(string key, string why) => problems.Add(json.TryGetProperty(key, out var value)
        ? $"\"{prefix}{key}\": {Shown(value)} {why}"
        : $"\"{prefix}{key}\" {why}");

    public int Integer(string key, int? whenAbsent = null)
    {
        if (!TryGet(key, out var value))
        {
            if (whenAbsent is null)
            {
                Refuse(key, "is missing: it must be a whole number");
            }

            return whenAbsent ?? 1;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number))
        {
            return number;
        }

        Refuse(key, "must be a whole number");
        return 1;
    }

    public double Number(string key, double? whenAbsent = null)
    {
        if (!TryGet(key, out var value))
        {
            if (whenAbsent is null)
            {
                Refuse(key, "is missing: it must be a number");
            }

            return whenAbsent ?? 1;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number))
        {
            return number;
        }

        Refuse(key, "must be a number");
        return 1;
    }

    public bool Flag(string key, bool whenAbsent)
    {
        if (!TryGet(key, out var value))
        {
            return whenAbsent;
        }

        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return value.GetBoolean();
        }

        Refuse(key, "must be true or false");
        return whenAbsent;
    }

    public string Text(string key, string whenAbsent)
    {
        if (!TryGet(key, out var value))
        {
            return whenAbsent;
        }

        if (value.ValueKind == JsonValueKind.String)
        {
            return value.GetString()!;
        }

        Refuse(key, "must be a text");
        return whenAbsent;
    }

    /// <summary>A token id, or null if the key is absent or null.</summary>
    public int? Id(string key) => Contains(key) ? Integer(key) : null;

    /// <summary>Token ids written as one number, a list of numbers, or null.</summary>
    public int[] Ids(string key)
    {
        if (!TryGet(key, out var value))
        {
            return [];
        }

        var elements = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : new[] { value };
        var ids = new List<int>();
        foreach (var element in elements)
        {
            if (element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var id))
            {
                ids.Add(id);
            }
            else
            {
                Refuse(key, "must be a token id or a list of token ids");
            }
        }

        return [.. ids];
    }

    /// <summary>A list of numbers; empty if the key is absent or null.</summary>
    public double[] Numbers(string key)
    {
        if (!TryGet(key, out var value))
        {
            return [];
        }

        var numbers = new List<double>();
        foreach (var element in value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : Array.Empty<JsonElement>())
        {
            if (element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var number) && double.IsFinite(number))
            {
                numbers.Add(number);
            }
        }

        if (value.ValueKind != JsonValueKind.Array || numbers.Count < value.GetArrayLength())
        {
            Refuse(key, "must be a list of numbers");
        }

        return [.. numbers];
    }

    /// <summary>Whether each element of a list is the one text rather than the other; null if the key is absent or null.</summary>
    public bool[]? Choices(string key, string yes, string no)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        JsonElement[] elements = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [];
        if (value.ValueKind != JsonValueKind.Array || elements.Any(element =>
            element.ValueKind != JsonValueKind.String || !(element.ValueEquals(yes) || element.ValueEquals(no))))
        {
            Refuse(key, $"is not implemented: it must be a list of \"{yes}\" and \"{no}\"");
            return null;
        }

        return [.. elements.Select(element => element.ValueEquals(yes))];
    }

    /// <summary>A nested object, or null if the key is absent or null.</summary>
    public DecoderConfigKeys? Object(string key)
    {
        if (!TryGet(key, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            return new DecoderConfigKeys(value, $"{prefix}{key}.", problems);
        }

        Refuse(key, "must be an object");
        return null;
    }

    /// <summary>Refuses a key that is there with a value other than those allowed (compared as JSON text; numbers by value).</summary>
    public void Allow(string key, string[] allowed, string why)
    {
        if (!TryGet(key, out var value))
        {
            return;
        }

        var text = value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            ? number.ToString(CultureInfo.InvariantCulture)
            : value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        if (!allowed.Contains(text))
        {
            Refuse(key, why);
        }
    }

    /// <summary>Refuses activations other than those implemented.</summary>
    public void AllowActivation(string key, params string[] implemented) =>
        Allow(key, implemented, $"is not implemented: it must be {string.Join(" or ", implemented)}");

    /// <summary>Refuses every key that was neither asked for nor is known as harmless, unless it is empty (null, false, 0, "", [], {}).</summary>
    public void RefuseTheRest(IReadOnlySet<string> harmless)
    {
        foreach (var property in json.EnumerateObject())
        {
            if (!_asked.Contains(property.Name) && !harmless.Contains(property.Name) && !IsEmpty(property.Value))
            {
                Refuse(property.Name, "is not implemented or not known here and may change the mathematics: "
                    + "use a model without it, or remove the key if you are sure that it changes nothing");
            }
        }
    }

    /// <summary>What a reader of the file should know: these dropouts, where they are not 0, and code that is not run.</summary>
    public string[] Notes(params string[] dropouts) =>
    [
        .. dropouts.Where(name => Number(name, 0) != 0)
            .Select(name => $"\"{name}\" is not applied: training has residual dropout only, as its stage says."),
        .. Contains(OwnCode)
            ? [$"\"{OwnCode}\" names code that came with the model. It is not run: the model is computed as its \"model_type\" says."]
            : (string[])[],
    ];

    private bool TryGet(string key, out JsonElement value)
    {
        _asked.Add(key);
        return json.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;
    }

    private static bool IsEmpty(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Number => value.TryGetDouble(out var number) && number == 0,
        JsonValueKind.String => value.ValueEquals(string.Empty),
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static string Shown(JsonElement value)
    {
        var text = value.GetRawText().ReplaceLineEndings(" ");
        return text.Length <= 80 ? text : text[..77] + "...";
    }
}
