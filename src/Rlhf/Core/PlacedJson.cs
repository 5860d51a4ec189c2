using System.Runtime.InteropServices;
using System.Text.Json;

namespace Rlhf.Core;

/// <summary>A value inside a JSON file together with where it stands, so that every refusal names file and key.</summary>
internal readonly record struct PlacedJson(string File, string Path, JsonElement Element)
{
    /// <summary>Whether the value is absent or null.</summary>
    public bool IsNull => Element.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    /// <summary>Parses a whole file.</summary>
    public static PlacedJson Parse(string file, byte[] content)
    {
        var text = content.AsMemory();
        var root = new PlacedJson(file, "", StrictJson.Parse(file, HasByteOrderMark(content) ? text[3..] : text));
        if (HasSurrogateEscape(content))
        {
            root.RequireSoundKeys();
        }

        return root;
    }

    /// <summary>The exception that says what is wrong with this value.</summary>
    public InputException Refuse(string message) => new(Path.Length == 0 ? $"{File}: {message}" : $"{File}: {Path}: {message}");

    /// <summary>A member of an object; <see cref="IsNull"/> when absent.</summary>
    public PlacedJson this[string name]
    {
        get
        {
            if (Element.ValueKind != JsonValueKind.Object)
            {
                throw Refuse($"expected an object, found {Kind()}");
            }

            var path = Path.Length == 0 ? name : $"{Path}.{name}";
            return new PlacedJson(File, path, Element.TryGetProperty(name, out var member) ? member : default);
        }
    }

    /// <summary>The members of an object, in the file's order.</summary>
    public IEnumerable<(string Name, PlacedJson Value)> Members()
    {
        if (Element.ValueKind != JsonValueKind.Object)
        {
            throw Refuse($"expected an object, found {Kind()}");
        }

        foreach (var property in Element.EnumerateObject())
        {
            var name = NameOf(property);
            yield return (name, this with { Path = Path.Length == 0 ? name : $"{Path}.{name}", Element = property.Value });
        }
    }

    /// <summary>The items of an array.</summary>
    public IEnumerable<PlacedJson> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array)
        {
            throw Refuse($"expected an array, found {Kind()}");
        }

        var index = 0;
        foreach (var item in Element.EnumerateArray())
        {
            yield return this with { Path = FormattableString.Invariant($"{Path}[{index++}]"), Element = item };
        }
    }

    /// <summary>A string; escapes that are half of a surrogate pair are refused.</summary>
    public string Text()
    {
        if (Element.ValueKind != JsonValueKind.String)
        {
            throw Refuse($"expected a string, found {Kind()}");
        }

        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw new InputException(Refuse("the string is not valid Unicode (half of a surrogate pair, or bytes that are not UTF-8)").Message, exception);
        }
    }

    /// <summary>Refuses a text that is longer than any in use.</summary>
    public void RequireShort(string text, int most)
    {
        if (text.Length > most)
        {
            throw Refuse(FormattableString.Invariant($"the text has {text.Length} characters; at most {most} are read here"));
        }
    }

    /// <summary>Refuses a value that is longer, as it is written, than any in use.</summary>
    public void RequireShort(int most)
    {
        if (!IsNull && JsonMarshal.GetRawUtf8Value(Element).Length is var length && length > most)
        {
            throw Refuse(FormattableString.Invariant($"the value has {length} bytes; at most {most} are read here"));
        }
    }

    /// <summary>A string, or null.</summary>
    public string? OptionalText() => IsNull ? null : Text();

    /// <summary>An integer from 0 to <paramref name="largest"/>.</summary>
    public int Integer(int largest) =>
        Element.ValueKind == JsonValueKind.Number && Element.TryGetInt32(out var value) && value >= 0 && value <= largest
            ? value
            : throw Refuse(FormattableString.Invariant($"expected a whole number from 0 to {largest}, found {Shown()}"));

    /// <summary>A boolean, or the default where absent or null.</summary>
    public bool Boolean(bool absent) => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => absent,
        _ => throw Refuse($"expected true or false, found {Shown()}"),
    };

    /// <summary>The member <c>type</c>, by which the parts of tokenizer.json are told apart.</summary>
    public string Type() => this["type"].Text();

    /// <summary>Refuses members that are not known, and members given twice.</summary>
    public void AllowOnly(params ReadOnlySpan<string> known)
    {
        var seen = new HashSet<string>();
        foreach (var (name, value) in Members())
        {
            if (!known.Contains(name))
            {
                throw value.Refuse("this key is not supported");
            }

            if (!seen.Add(name))
            {
                throw value.Refuse("the key stands twice");
            }
        }
    }

    private static bool HasByteOrderMark(byte[] content) => content is [0xEF, 0xBB, 0xBF, ..];

    // A key is decoded whenever another one is looked for: the failure would come from anywhere.
    private void RequireSoundKeys()
    {
        if (Element.ValueKind == JsonValueKind.Object)
        {
            foreach (var (_, value) in Members())
            {
                value.RequireSoundKeys();
            }
        }
        else if (Element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in Items())
            {
                item.RequireSoundKeys();
            }
        }
    }

    // Hardly any file writes characters as pairs of escapes, so hardly any is walked through for their sake.
    private static bool HasSurrogateEscape(ReadOnlySpan<byte> content) =>
        content.IndexOf("\\ud"u8) >= 0 || content.IndexOf("\\uD"u8) >= 0;

    private string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException exception)
        {
            throw new InputException(Refuse("a key is not valid Unicode (half of a surrogate pair, or bytes that are not UTF-8)").Message, exception);
        }
    }

    private string Kind() => Element.ValueKind switch
    {
        JsonValueKind.Undefined => "nothing",
        JsonValueKind.Null => "null",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };

    private string Shown()
    {
        if (Element.ValueKind is not (JsonValueKind.Number or JsonValueKind.String or JsonValueKind.True or JsonValueKind.False))
        {
            return Kind();
        }

        var text = System.Text.Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(Element)); // which may not be UTF-8
        return text.Length <= 40 ? text : text[..40] + "...";
    }
}
