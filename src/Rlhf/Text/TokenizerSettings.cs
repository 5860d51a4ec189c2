using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Text;

/// <summary>Changes in the JSON files of a tokenizer that are carried along with a model.</summary>
internal static class TokenizerSettings
{
    private static readonly JsonSerializerOptions Readable =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>Changes a file; one that needs no change keeps its bytes.</summary>
    /// <param name="files">Bytes by file name.</param>
    /// <param name="name">The file.</param>
    /// <param name="whenAbsent">What is changed where there is no such file; null: nothing is.</param>
    /// <param name="change">The change.</param>
    /// <exception cref="InputException">The file is no JSON object.</exception>
    public static void Change(Dictionary<string, byte[]> files, string name, JsonObject? whenAbsent, Action<JsonObject> change)
    {
        var before = files.TryGetValue(name, out var bytes) ? JsonObject.Create(
            StrictJson.Object(name, bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsMemory(Encoding.UTF8.Preamble.Length) : bytes)) : whenAbsent;
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
}
