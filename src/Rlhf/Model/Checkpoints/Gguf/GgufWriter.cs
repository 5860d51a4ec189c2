using System.Text;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>A tensor to write.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Type of its numbers in the file.</param>
/// <param name="Shape">[rows, row length] or [length].</param>
/// <param name="Read">Gives all of its numbers.</param>
internal sealed record GgufTensorToWrite(string Name, GgufTensorType Type, int[] Shape, Func<float[]> Read)
{
    /// <summary>Number of elements.</summary>
    public long Length => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Bytes in the file.</summary>
    public long ByteLength => Length / Type.BlockLength() * Type.BlockBytes();
}

/// <summary>Writes GGUF files, version 3. The same model always gives the same bytes.</summary>
internal sealed class GgufWriter
{
    private const int Alignment = 32;

    private readonly List<(string Key, Action<BinaryWriter> Write)> _metadata = [];

    /// <summary>Adds a text.</summary>
    public void Add(string key, string value) => _metadata.Add((key, output =>
    {
        output.Write((uint)GgufValueType.Text);
        Write(output, value);
    }
    ));

    /// <summary>Adds a whole number.</summary>
    public void Add(string key, int value) => _metadata.Add((key, output =>
    {
        output.Write((uint)GgufValueType.UInt32);
        output.Write((uint)value);
    }
    ));

    /// <summary>Adds a number.</summary>
    public void Add(string key, float value) => _metadata.Add((key, output =>
    {
        output.Write((uint)GgufValueType.Float32);
        output.Write(value);
    }
    ));

    /// <summary>Adds a flag.</summary>
    public void Add(string key, bool value) => _metadata.Add((key, output =>
    {
        output.Write((uint)GgufValueType.Bool);
        output.Write(value);
    }
    ));

    /// <summary>Adds a list of texts.</summary>
    public void Add(string key, string[] values) => AddArray(key, GgufValueType.Text, values, Write);

    /// <summary>Adds a list of whole numbers.</summary>
    public void Add(string key, int[] values) => AddArray(key, GgufValueType.Int32, values, static (output, value) => output.Write(value));

    /// <summary>Adds a list of numbers.</summary>
    public void Add(string key, float[] values) => AddArray(key, GgufValueType.Float32, values, static (output, value) => output.Write(value));

    /// <summary>Writes a whole file.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="tensors">The tensors in their order.</param>
    /// <param name="progress">Told how many numbers more are written.</param>
    /// <exception cref="RunFailedException">A number is too large for the type it is to be written in.</exception>
    public void Write(Stream stream, IReadOnlyList<GgufTensorToWrite> tensors, Action<long> progress)
    {
        using var output = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        output.Write(GgufKeys.Magic);
        output.Write(3u);
        output.Write((ulong)tensors.Count);
        output.Write((ulong)_metadata.Count);
        foreach (var (key, write) in _metadata)
        {
            Write(output, key);
            write(output);
        }

        var offset = 0L;
        foreach (var tensor in tensors)
        {
            Write(output, tensor.Name);
            output.Write((uint)tensor.Shape.Length);
            foreach (var size in tensor.Shape.Reverse())
            {
                output.Write((ulong)size);
            }

            output.Write((uint)tensor.Type);
            output.Write((ulong)offset);
            offset = Aligned(offset + tensor.ByteLength);
        }

        foreach (var tensor in tensors)
        {
            Pad(output);
            WriteNumbers(output, tensor, progress);
        }

        Pad(output);
    }

    private static void WriteNumbers(BinaryWriter output, GgufTensorToWrite tensor, Action<long> progress)
    {
        var numbers = tensor.Read();
        var bytes = new byte[GgufNumbers.Chunk * sizeof(float)];
        for (var first = 0; first < numbers.Length; first += GgufNumbers.Chunk)
        {
            var values = numbers.AsSpan(first, Math.Min(GgufNumbers.Chunk, numbers.Length - first));
            var blocks = bytes.AsSpan(0, values.Length / tensor.Type.BlockLength() * tensor.Type.BlockBytes());
            if (GgufQuantization.Encode(tensor.Type, values, blocks) is { } tooLarge)
            {
                throw new RunFailedException(FormattableString.Invariant(
                    $"{tensor.Name} has the number {values[tooLarge]}, which is too large for {tensor.Type}. Write the model as f32."));
            }

            output.Write(blocks);
            progress(values.Length);
        }
    }

    private void AddArray<T>(string key, GgufValueType type, T[] values, Action<BinaryWriter, T> write) => _metadata.Add((key, output =>
    {
        output.Write((uint)GgufValueType.Array);
        output.Write((uint)type);
        output.Write((ulong)values.Length);
        foreach (var value in values)
        {
            write(output, value);
        }
    }
    ));

    private static void Write(BinaryWriter output, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        output.Write((ulong)bytes.Length);
        output.Write(bytes);
    }

    private static void Pad(BinaryWriter output)
    {
        output.Flush();
        var position = output.BaseStream.Position;
        output.Write(new byte[Aligned(position) - position]);
    }

    private static long Aligned(long position) => (position + Alignment - 1) / Alignment * Alignment;
}
