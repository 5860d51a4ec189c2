using System.Text.Json;

namespace Rlhf.Core;

/// <summary>The one way in which whole JSON files are parsed, which may be broken or hostile: no comments, no trailing commas, no deep nesting, and every error
/// with its place.</summary>
internal static class StrictJson
{
    private static readonly JsonDocumentOptions Small = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>A file that is one object, with no key twice and with texts and keys that can all be decoded.</summary>
    /// <exception cref="InputException">It cannot be read, or is something else.</exception>
    public static JsonElement ObjectOf(string path, long most) => Object(path, WholeFile.Bytes(path, most));

    /// <summary>The same from memory.</summary>
    /// <exception cref="InputException">The bytes are something else.</exception>
    public static JsonElement Object(string path, ReadOnlyMemory<byte> bytes) =>
        Sound(path, Parse(path, bytes, Small)) is { ValueKind: JsonValueKind.Object } json
        ? json
        : throw new InputException($"{path}: a JSON object is needed.");

    /// <summary>Any value. The document is not pooled, so the element stays good.</summary>
    /// <exception cref="InputException">The bytes are not JSON.</exception>
    public static JsonElement Parse(string path, ReadOnlyMemory<byte> bytes, JsonDocumentOptions options = default)
    {
        try
        {
            return JsonDocument.Parse(bytes, options).RootElement;
        }
        catch (JsonException exception)
        {
            throw Error(path, exception);
        }
    }

    /// <summary>What a parser says, with its place in the file.</summary>
    public static InputException Error(string path, JsonException exception, string what = "not valid JSON") =>
        InputException.At(path, (int)(exception.LineNumber ?? 0) + 1, (int)(exception.BytePositionInLine ?? 0) + 1, $"{what}: {FailureText.Of(exception)}");

    /// <summary>The same element, whose texts and keys can all be decoded: that is done when they are asked for, and the failure would come from
    /// anywhere.</summary>
    /// <exception cref="InputException">One of them is not Unicode.</exception>
    public static JsonElement Sound(string path, JsonElement json)
    {
        try
        {
            RequireSoundText(json);
            return json;
        }
        catch (InvalidOperationException exception)
        {
            throw new InputException($"{path}: a text is not valid Unicode (half of a surrogate pair, or bytes that are not UTF-8)", exception);
        }
    }

    private static void RequireSoundText(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.String)
        {
            _ = json.GetString();
        }
        else if (json.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in json.EnumerateArray())
            {
                RequireSoundText(element);
            }
        }
        else if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in json.EnumerateObject())
            {
                _ = property.Name;
                RequireSoundText(property.Value);
            }
        }
    }
}
