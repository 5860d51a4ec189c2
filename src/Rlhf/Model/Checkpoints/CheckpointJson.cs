using System.Text.Json;

namespace Rlhf.Model.Checkpoints;

/// <summary>Reads the small JSON files of a model folder, which may be broken or hostile.</summary>
internal static class CheckpointJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <exception cref="InputException">The file cannot be read, or is not a JSON object.</exception>
    public static JsonElement Read(string path) =>
        Parse(WholeFile.Bytes(path, path.EndsWith(".index.json", StringComparison.Ordinal) ? Limits.WeightsIndex : Limits.ModelSettingsFile), path);

    /// <exception cref="InputException">The bytes are not a JSON object.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> bytes, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, Strict);
            return Sound(document.RootElement, path).ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone()
                : throw new InputException($"{path}: a JSON object is needed.");
        }
        catch (JsonException exception)
        {
            throw InputException.At(path, (int)(exception.LineNumber ?? 0) + 1, (int)(exception.BytePositionInLine ?? 0) + 1, $"not valid JSON: {FailureText.Of(exception)}");
        }
    }

    /// <summary>The same element, whose texts and names can all be decoded.</summary>
    /// <exception cref="InputException">One of them is not Unicode.</exception>
    public static JsonElement Sound(JsonElement json, string path)
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

    // Texts are decoded when they are asked for; doing it here keeps the failure in one place.
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
