using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Rlhf.Model.Checkpoints;

/// <summary>
/// A safetensors file, open for reading: u64 little-endian header length, JSON header, raw little-endian data. The header is
/// checked when the file is opened; data is read only when asked for.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    private const int ChunkBytes = 1 << 18;

    private readonly SafeFileHandle handle;
    private readonly Dictionary<string, TensorEntry> tensors;
    private readonly long dataStart;

    private SafetensorsFile(string path, SafeFileHandle handle)
    {
        Path = path;
        this.handle = handle;
        var length = RandomAccess.GetLength(handle);
        var prefix = new byte[8];
        if (length < prefix.Length)
            throw new InputException($"{path}: {length} bytes are too few for a safetensors file. Fetch it again.");
        ReadExactly(0, prefix);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > Limits.WeightsIndex || (long)headerLength > length - prefix.Length)
            throw new InputException($"{path}: the header should have {headerLength} bytes, which is more than the file has or a safetensors file may have. It is another format, or damaged.");
        var header = new byte[(int)headerLength];
        ReadExactly(prefix.Length, header);
        dataStart = prefix.Length + header.Length;
        (tensors, Metadata) = SafetensorsHeader.Parse(header, length - dataStart, path);
    }

    /// <summary>Where the file is.</summary>
    public string Path { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, TensorEntry> Tensors => tensors;

    /// <summary>The header's <c>__metadata__</c>; empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InputException">The file cannot be read or is not a sound safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            WholeFile.RequireRegular(path);
            handle = File.OpenHandle(path);
            return new SafetensorsFile(path, handle);
        }
        catch (Exception exception)
        {
            handle?.Dispose();
            if (exception is IOException or UnauthorizedAccessException or NotSupportedException)
                throw FileFailure.Unreadable(path, exception);
            throw;
        }
    }

    /// <summary>Reads an F32, F16 or BF16 tensor as float32, exactly.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="destination">As many elements as the tensor has.</param>
    /// <exception cref="InputException">There is no such tensor, its elements are of another type, or the file cannot be read.</exception>
    public void ReadFloats(string name, Span<float> destination)
    {
        var tensor = Find(name);
        RequireFloats(tensor);
        if (destination.Length != tensor.Length)
            throw new ArgumentException($"The destination has {destination.Length} elements, the tensor {name} has {tensor.Length}.", nameof(destination));
        ReadFloats(tensor, 0, destination);
    }

    /// <summary>Reads an F32, F16 or BF16 tensor as float32, exactly, to memory that may be longer than a span.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="destination">Room for as many elements as the tensor has.</param>
    public unsafe void ReadFloats(string name, float* destination)
    {
        var tensor = Find(name);
        RequireFloats(tensor);
        for (long done = 0; done < tensor.Length;)
        {
            var count = (int)Math.Min(tensor.Length - done, 1 << 28);
            ReadFloats(tensor, done, new Span<float>(destination + done, count));
            done += count;
        }
    }

    /// <summary>Reads an F32, F16 or BF16 tensor as a new float32 array.</summary>
    public float[] ReadFloats(string name)
    {
        var values = new float[checked((int)Find(name).Length)];
        ReadFloats(name, values);
        return values;
    }

    /// <summary>Reads a part of an F32, F16 or BF16 tensor as float32, exactly.</summary>
    internal void ReadFloats(string name, long first, Span<float> destination)
    {
        var tensor = Find(name);
        RequireFloats(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, tensor.Length - destination.Length);
        ReadFloats(tensor, first, destination);
    }

    /// <summary>Reads an I32 tensor.</summary>
    public int[] ReadIntegers(string name)
    {
        var tensor = Find(name);
        if (tensor.Type != TensorType.I32)
            throw new InputException($"{Path}: tensor {SafetensorsHeader.Shown(name)} is {tensor.Type.FileName()}, I32 is needed.");
        var values = new int[checked((int)tensor.Length)];
        ReadExactly(dataStart + tensor.Offset, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => handle.Dispose();

    private void ReadFloats(TensorEntry tensor, long first, Span<float> destination)
    {
        var size = tensor.Type.Size();
        var position = dataStart + tensor.Offset + (first * size);
        if (tensor.Type == TensorType.F32)
        {
            ReadExactly(position, MemoryMarshal.AsBytes(destination));
            return;
        }

        var chunk = new byte[Math.Min(ChunkBytes, destination.Length * (long)size)];
        while (destination.Length > 0)
        {
            var count = Math.Min(destination.Length, chunk.Length / size);
            var bytes = chunk.AsSpan(0, count * size);
            ReadExactly(position, bytes);
            FloatFormats.Widen(bytes, tensor.Type, destination[..count]);
            destination = destination[count..];
            position += bytes.Length;
        }
    }

    private TensorEntry Find(string name) => tensors.TryGetValue(name, out var tensor)
        ? tensor
        : throw new InputException($"{Path}: there is no tensor {SafetensorsHeader.Shown(name)}.");

    private void RequireFloats(TensorEntry tensor)
    {
        if (tensor.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16))
            throw new InputException($"{Path}: tensor {SafetensorsHeader.Shown(tensor.Name)} is {tensor.Type.FileName()}; F32, F16 or BF16 is needed.");
    }

    private void ReadExactly(long position, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int read;
            try
            {
                read = RandomAccess.Read(handle, destination, position);
            }
            catch (IOException exception)
            {
                throw FileFailure.Unreadable(Path, exception);
            }

            if (read == 0)
                throw new InputException($"{Path}: the file became shorter while it was read.");
            position += read;
            destination = destination[read..];
        }
    }
}
