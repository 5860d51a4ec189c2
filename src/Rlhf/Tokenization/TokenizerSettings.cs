using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Tokenization;

/// <summary>Changes in the JSON files of a tokenizer that are carried along with a model.</summary>
internal static class TokenizerSettings
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>Changes a file; one that needs no change keeps its bytes.</summary>
    /// <param name="files">Bytes by file name.</param>
    /// <param name="name">The file.</param>
    /// <param name="whenAbsent">What is changed where there is no such file; null: nothing is.</param>
    /// <param name="change">The change.</param>
    /// <exception cref="InputException">The file is no JSON object.</exception>
    public static void Change(Dictionary<string, byte[]> files, string name, JsonObject? whenAbsent, Action<JsonObject> change)
    {
        var before = files.TryGetValue(name, out var bytes) ? Parse(name, bytes) : whenAbsent;
        if (before is null)
        {
            return;
        }

        var after = before.DeepClone().AsObject();
        change(after);
        if (!JsonNode.DeepEquals(before, after))
        {
            files[name] = JsonSerializer.SerializeToUtf8Bytes(after, Readable);
        }
    }

    private static JsonObject Parse(string name, byte[] bytes)
    {
        try
        {
            var text = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(Encoding.UTF8.Preamble.Length) : bytes;
            return JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new InputException($"{name}: a JSON object is needed.");
        }
        catch (JsonException exception)
        {
            throw new InputException($"{name}: {FailureText.Of(exception)}.", exception);
        }
    }
}
