using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Tests.Model.Checkpoints;

/// <summary>A second, simplest reader and writer of safetensors, to compare ours with; believes everything.</summary>
internal sealed record PlainTensor(string Type, long[] Shape, byte[] Bytes)
{
    public float[] Floats() => Type switch
    {
        "F32" => [.. Enumerable.Range(0, Bytes.Length / 4).Select(i => BitConverter.ToSingle(Bytes, 4 * i))],
        "BF16" => [.. Enumerable.Range(0, Bytes.Length / 2).Select(i => BitConverter.ToSingle([0, 0, Bytes[2 * i], Bytes[(2 * i) + 1]]))],
        _ => throw new NotSupportedException(Type),
    };
}

internal static class PlainSafetensors
{
    public static Dictionary<string, PlainTensor> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var start = 8 + (int)BitConverter.ToInt64(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, start - 8));
        return header.RootElement.EnumerateObject().Where(property => property.Name != "__metadata__").ToDictionary(
            property => property.Name,
            property =>
            {
                var offsets = property.Value.GetProperty("data_offsets");
                return new PlainTensor(
                    property.Value.GetProperty("dtype").GetString()!,
                    [.. property.Value.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64())],
                    bytes[(start + offsets[0].GetInt32())..(start + offsets[1].GetInt32())]);
            });
    }

    public static void Write(string path, IEnumerable<KeyValuePair<string, PlainTensor>> tensors)
    {
        var header = new JsonObject();
        var data = new MemoryStream();
        foreach (var (name, tensor) in tensors)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = tensor.Type,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(dimension => (JsonNode)dimension)]),
                ["data_offsets"] = new JsonArray(data.Length, data.Length + tensor.Bytes.Length),
            };
            data.Write(tensor.Bytes);
        }

        File.WriteAllBytes(path, WithHeader(header.ToJsonString(), data.ToArray()));
    }

    /// <summary>A file of any header text, sound or not.</summary>
    public static byte[] WithHeader(string header, byte[] data)
    {
        var text = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((long)text.Length), .. text, .. data];
    }
}
