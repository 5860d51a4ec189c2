using System.Text.Json;

namespace Rlhf.Model.Checkpoints;

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Type of its elements.</param>
/// <param name="Shape">Its dimensions; a scalar has none.</param>
/// <param name="Offset">First byte, from the start of the file's data.</param>
/// <param name="ByteLength">Number of bytes.</param>
public sealed record TensorEntry(string Name, TensorType Type, long[] Shape, long Offset, long ByteLength)
{
    /// <summary>Number of elements.</summary>
    public long Length => ByteLength / Type.Size();
}

/// <summary>
/// The JSON header of a safetensors file, believed only after it was checked against the file's length: known types, sizes
/// that are the product of the shape, ranges that cover the data exactly, without gap or overlap.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The header's key that is not a tensor.</summary>
    public const string Metadata = "__metadata__";

    private const int MostDimensions = 32;

    /// <summary>Reads a header.</summary>
    /// <param name="header">Its bytes, without the length before them.</param>
    /// <param name="dataLength">Bytes of the file after the header.</param>
    /// <param name="file">For messages.</param>
    /// <returns>The tensors by name, and the metadata.</returns>
    public static (Dictionary<string, TensorEntry> Tensors, Dictionary<string, string> Metadata) Parse(
        ReadOnlyMemory<byte> header, long dataLength, string file)
    {
        var root = StrictJson.Object($"{file}: the header", header);
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == Metadata)
            {
                metadata = ParseMetadata(property.Value, file);
            }
            else
            {
                tensors.Add(property.Name, ParseEntry(property.Name, property.Value, file));
            }
        }

        CheckCover(tensors.Values, dataLength, file);
        return (tensors, metadata);
    }

    private static Dictionary<string, string> ParseMetadata(JsonElement json, string file)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Damaged(file, $"{Metadata} is not a JSON object");
        }

        foreach (var property in json.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
            {
                throw Damaged(file, $"{Metadata} has a value that is not a text");
            }

            metadata.Add(property.Name, property.Value.GetString()!);
        }

        return metadata;
    }

    private static TensorEntry ParseEntry(string name, JsonElement json, string file)
    {
        if (json.ValueKind != JsonValueKind.Object || json.EnumerateObject().Count() != 3
            || !json.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String
            || !json.TryGetProperty("shape", out var shapeJson) || !TryNumbers(shapeJson, MostDimensions, out var shape)
            || !json.TryGetProperty("data_offsets", out var offsetsJson) || !TryNumbers(offsetsJson, 2, out var offsets)
            || offsets.Length != 2)
        {
            throw Damaged(file, $"tensor {Shown(name)} is not described by exactly dtype, shape and data_offsets of whole numbers");
        }

        if (!TensorTypes.TryParse(dtype.GetString()!, out var type))
        {
            throw new InputException(
                $"{file}: tensor {Shown(name)} has the dtype {Shown(dtype.GetString()!)}, which is not implemented. Convert the file to F32, F16 or BF16.");
        }

        if (!TryProduct(shape, type.Size(), out var bytes))
        {
            throw Damaged(file, $"tensor {Shown(name)} has an impossibly large shape");
        }

        if (offsets[1] < offsets[0] || offsets[1] - offsets[0] != bytes)
        {
            throw Damaged(file, $"tensor {Shown(name)} needs {bytes} bytes by its dtype and shape, but its data_offsets are {offsets[0]} to {offsets[1]}");
        }

        return new TensorEntry(name, type, shape, offsets[0], bytes);
    }

    private static bool TryNumbers(JsonElement json, int most, out long[] numbers)
    {
        numbers = [];
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() > most)
        {
            return false;
        }

        numbers = new long[json.GetArrayLength()];
        for (var i = 0; i < numbers.Length; i++)
        {
            if (json[i].ValueKind != JsonValueKind.Number || !json[i].TryGetInt64(out numbers[i]) || numbers[i] < 0)
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryProduct(long[] shape, int elementSize, out long bytes)
    {
        bytes = elementSize;
        if (shape.Contains(0))
        {
            bytes = 0;
            return true;
        }

        foreach (var dimension in shape)
        {
            if (dimension > long.MaxValue / bytes)
            {
                return false;
            }

            bytes *= dimension;
        }

        return true;
    }

    // Sorted by place, every tensor must begin where the one before ended, and the last must end with the file.
    private static void CheckCover(IEnumerable<TensorEntry> tensors, long dataLength, string file)
    {
        long end = 0;
        foreach (var tensor in tensors.OrderBy(tensor => tensor.Offset).ThenBy(tensor => tensor.ByteLength))
        {
            if (tensor.Offset != end)
            {
                throw Damaged(
                    file, $"tensor {Shown(tensor.Name)} begins at byte {tensor.Offset} of the data, but the one before ends at {end}: tensors must neither overlap nor leave gaps");
            }

            if (tensor.ByteLength > dataLength - end)
            {
                throw Damaged(
                    file, $"tensor {Shown(tensor.Name)} needs {tensor.ByteLength} bytes from byte {end} of the data, but the file has only {dataLength} bytes of data");
            }

            end += tensor.ByteLength;
        }

        if (end != dataLength)
        {
            throw Damaged(file, $"the tensors end at byte {end} of the data, but the file has {dataLength} bytes of data");
        }
    }

    /// <summary>A name from a file, made safe and short enough for a message.</summary>
    public static string Shown(string name)
    {
        var json = JsonSerializer.Serialize(name);
        return json.Length <= 120 ? json : json[..116] + "...\"";
    }

    private static InputException Damaged(string file, string what) =>
        new($"{file}: {what}. The file is damaged or cut off: fetch or write it again.");
}
