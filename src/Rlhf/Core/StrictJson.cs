using System.Text.Json;

namespace Rlhf.Core;

/// <summary>
/// The one way in which JSON is parsed that may be broken or hostile, whole files and lines: no comments, no trailing commas, no deep nesting, and every error
/// with its place. Rows of data have positions of their own (<c>JsonRow</c>), and ASP.NET reads what its clients send.
/// </summary>
public static class StrictJson
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
        catch (InvalidOperationException exception)
        {
            throw NotUnicode(path, exception); // A key that had to be compared with the others.
        }
    }

    /// <summary>A line that is one object, with no key twice and with texts that can all be decoded.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="number">The line's number, counted from 1.</param>
    /// <param name="line">Its bytes.</param>
    /// <param name="what">What it should be, for messages: "a row of metrics".</param>
    /// <exception cref="InputException">It is something else.</exception>
    public static JsonElement Line(string path, int number, ReadOnlyMemory<byte> line, string what)
    {
        try
        {
            var json = JsonDocument.Parse(line, Small).RootElement;
            RequireSoundText(json);
            return json.ValueKind == JsonValueKind.Object ? json : throw InputException.At(path, number, 1, $"not {what}: a JSON object is needed");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw InputException.At(path, number, 1, $"not {what}: {FailureText.Of(exception)}");
        }
    }

    /// <summary>An object of one's own types; a key that is not theirs is an error where the options say so.</summary>
    /// <exception cref="InputException">The bytes are something else.</exception>
    public static T Read<T>(string path, ReadOnlySpan<byte> bytes, JsonSerializerOptions json, string what = "not valid JSON")
    {
        try
        {
            return JsonSerializer.Deserialize<T>(bytes, json) ?? throw new JsonException("expected an object, found null");
        }
        catch (JsonException exception)
        {
            throw Error(path, exception, what);
        }
    }

    /// <summary>What another program sent, which may be anything; null for what cannot be parsed.</summary>
    public static JsonElement? TryParse(ReadOnlyMemory<byte> bytes, int depth, bool allowDuplicates = true)
    {
        try
        {
            var json = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = depth, AllowDuplicateProperties = allowDuplicates }).RootElement;
            RequireSoundText(json);
            return json;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
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
            throw NotUnicode(path, exception);
        }
    }

    private static InputException NotUnicode(string path, InvalidOperationException exception) =>
        new($"{path}: a text is not valid Unicode (half of a surrogate pair, or bytes that are not UTF-8)", exception);

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
