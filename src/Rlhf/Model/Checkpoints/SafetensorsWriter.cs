using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Model.Checkpoints;

/// <summary>Gives the numbers from <paramref name="first"/> on that fill <paramref name="destination"/>: models are written a few numbers at a time, wherever
/// they lie.</summary>
public delegate void FloatReader(long first, Span<float> destination);

/// <summary>A tensor to write: its numbers are float32, whatever type the file gives them.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Shape">Its dimensions.</param>
/// <param name="Type">F32, F16 or BF16.</param>
/// <param name="Read">Gives its numbers.</param>
public readonly record struct TensorToWrite(string Name, int[] Shape, TensorType Type, FloatReader Read)
{
    /// <summary>Number of elements.</summary>
    public long Length => Shape.Aggregate(1L, (product, dimension) => checked(product * dimension));

    /// <summary>Bytes in the file.</summary>
    public long ByteLength => Length * Type.Size();
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
        var (numbers, bytes) = (new float[ChunkElements], new byte[ChunkElements * sizeof(float)]);
        foreach (var tensor in ordered)
        {
            WriteData(stream, tensor, numbers, bytes);
        }
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
        {
            json.WriteNumberValue(dimension);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(offset + tensor.ByteLength);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteData(Stream stream, TensorToWrite tensor, float[] numberBuffer, byte[] byteBuffer)
    {
        for (long first = 0; first < tensor.Length; first += ChunkElements)
        {
            var numbers = numberBuffer.AsSpan(0, (int)Math.Min(ChunkElements, tensor.Length - first));
            var bytes = byteBuffer.AsSpan(0, numbers.Length * tensor.Type.Size());
            tensor.Read(first, numbers);
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
