using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Text.Grammars;

/// <content>Values that a schema lists, and places that it refers to.</content>
internal sealed partial class JsonSchemaReader
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private LiteralNode LiteralsOf(JsonElement[] values, SchemaWords words)
    {
        var types = words.Types();
        var literals = new List<byte[]>();
        foreach (var value in values.Where(value => types is null || types.Any(type => JsonTypes.Is(value, type))))
        {
            literals.Add(BytesOf(value.WriteTo));
            Require((_literalBytes += literals[^1].Length) <= Limits.SchemaLiteralBytes, $"values of more than {Limits.SchemaLiteralBytes} bytes");
        }

        literals.Sort(static (one, other) => one.AsSpan().SequenceCompareTo(other));
        return new LiteralNode([.. literals.Where((literal, i) => i == 0 || !literal.AsSpan().SequenceEqual(literals[i - 1]))]);
    }

    private Alternatives Referred(JsonElement reference, string place)
    {
        var pointer = reference.ValueKind == JsonValueKind.String ? Uri.UnescapeDataString(reference.GetString()!) : "";
        if (pointer != "#" && !pointer.StartsWith("#/", StringComparison.Ordinal))
        {
            throw SchemaWords.Wrong(place, "\"$ref\" must be a place in this schema, such as \"#/$defs/name\"");
        }

        var found = _root;
        foreach (var step in pointer.Split('/').Skip(1))
        {
            var name = step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            found = found.ValueKind switch
            {
                JsonValueKind.Object when found.TryGetProperty(name, out var value) => value,
                JsonValueKind.Array when int.TryParse(name, out var index) && index >= 0 && index < found.GetArrayLength() => found[index],
                _ => throw SchemaWords.Wrong(place, $"\"$ref\" names {pointer}, and there is no such place"),
            };
        }

        return At(pointer, found);
    }

    private static byte[] NameOf(string name) => BytesOf(writer => writer.WriteStringValue(name));

    private static byte[] BytesOf(Action<Utf8JsonWriter> write)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            write(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }
}
