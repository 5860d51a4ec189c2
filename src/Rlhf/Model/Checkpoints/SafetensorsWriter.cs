using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Model.Checkpoints;

/// <summary>A tensor to write: its numbers lie in memory as float32, whatever type the file gives them.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Type">F32, F16 or BF16.</param>
/// <param name="Data">Its first number; it must stay in place until the file is written.</param>
public readonly unsafe record struct TensorToWrite(string Name, int[] Shape, TensorType Type, nint Data)
{
    /// <summary>Number of elements.</summary>
    public long Length => Shape.Aggregate(1L, (product, dimension) => checked(product * dimension));

    /// <summary>Bytes in the file.</summary>
    public long ByteLength => Length * Type.Size();

    internal ReadOnlySpan<float> Slice(long first, int count) => new((float*)Data + first, count);
}

/// <summary>
/// Writes safetensors files. The same tensors always give the same bytes: wider elements first (so that every tensor is
/// aligned), then by name; the header is padded with spaces to a multiple of 8.
/// </summary>
public static class SafetensorsWriter
{
    private const int ChunkElements = 1 << 16;

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The order in which tensors stand in a file.</summary>
    public static IOrderedEnumerable<TensorToWrite> InFileOrder(IEnumerable<TensorToWrite> tensors) => tensors
        .OrderByDescending(tensor => tensor.Type.Size())
        .ThenBy(tensor => tensor.Name, StringComparer.Ordinal);

    /// <summary>Writes a whole file.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tensors">The tensors, in any order; their names differ.</param>
    /// <exception cref="RunFailedException">A number is too large for the type it is to be written in.</exception>
    public static void Write(Stream stream, IEnumerable<TensorToWrite> tensors)
    {
        var ordered = InFileOrder(tensors).ToList();
        var header = Header(ordered);
        Span<byte> prefix = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
        stream.Write(prefix);
        stream.Write(header);
        var buffer = new byte[ChunkElements * sizeof(float)];
        foreach (var tensor in ordered)
            WriteData(stream, tensor, buffer);
    }

    private static byte[] Header(List<TensorToWrite> tensors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Compact))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafetensorsHeader.Metadata);
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long offset = 0;
            foreach (var tensor in tensors)
            {
                WriteEntry(json, tensor, offset);
                offset += tensor.ByteLength;
            }

            json.WriteEndObject();
        }

        var padded = new byte[(buffer.WrittenCount + 7) / 8 * 8];
        padded.AsSpan().Fill((byte)' ');
        buffer.WrittenSpan.CopyTo(padded);
        return padded;
    }

    private static void WriteEntry(Utf8JsonWriter json, TensorToWrite tensor, long offset)
    {
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", tensor.Type.FileName());
        json.WriteStartArray("shape");
        foreach (var dimension in tensor.Shape)
            json.WriteNumberValue(dimension);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(offset + tensor.ByteLength);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteData(Stream stream, TensorToWrite tensor, byte[] buffer)
    {
        for (long first = 0; first < tensor.Length; first += ChunkElements)
        {
            var count = (int)Math.Min(ChunkElements, tensor.Length - first);
            var numbers = tensor.Slice(first, count);
            var bytes = buffer.AsSpan(0, count * tensor.Type.Size());
            if (FloatFormats.Narrow(numbers, tensor.Type, bytes) is { } tooLarge)
            {
                throw new RunFailedException(string.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"{tensor.Name} has the number {numbers[tooLarge]}, which is too large for {tensor.Type.FileName()}. Write the model as F32."));
            }

            stream.Write(bytes);
        }
    }
}
