using Microsoft.Win32.SafeHandles;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>
/// A GGUF file, version 2 or 3, little-endian: metadata, descriptions of tensors, their data. The parts of a model that was split are read as one file.
/// The description is checked against the file's length when it is
/// opened; numbers are read when they are asked for, and the file is open only then.
/// </summary>
internal sealed class GgufFile
{
    private const int MostDimensions = 4;
    private const int LeastTensorBytes = 8 + 4 + 8 + 4 + 8;
    private const int LeastEntryBytes = 8 + 4 + 1;
    private const int DefaultAlignment = 32;

    private readonly Dictionary<string, GgufTensor> _tensors = new(StringComparer.Ordinal);

    private GgufFile(string path, SafeFileHandle handle)
    {
        Path = path;
        var reader = new GgufReader(path, handle);
        var (tensors, entries) = ReadCounts(reader);
        Metadata = GgufMetadata.Read(path, reader, entries);
        var alignment = Metadata.Count(GgufKeys.Alignment, DefaultAlignment);
        if (alignment < 1 || (alignment & (alignment - 1)) != 0 || alignment > 1 << 20)
        {
            throw Metadata.Refuse(GgufKeys.Alignment, "must be a power of two");
        }

        var announced = new List<(string Name, GgufTensorType Type, long[] Shape, ulong Offset)>();
        for (var i = 0L; i < tensors; i++)
        {
            announced.Add(ReadTensor(reader));
        }

        var start = (reader.Position + alignment - 1) / alignment * alignment;
        Place(announced, start, RandomAccess.GetLength(handle) - start, alignment);
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>What the file says beside the tensors.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors by name.</summary>
    public IReadOnlyDictionary<string, GgufTensor> Tensors => _tensors;

    /// <summary>Whether a path is a GGUF file, by its ending or its first bytes.</summary>
    /// <remarks>A pipe has no length, and nobody knows when it would begin.</remarks>
    public static bool Is(string path) => File.Exists(path) && (new FileInfo(path).Length > 0 || path.EndsWith(GgufKeys.Ending, StringComparison.Ordinal))
        && (path.EndsWith(GgufKeys.Ending, StringComparison.OrdinalIgnoreCase) || FileParts.Begins(path, GgufKeys.Magic));

    /// <summary>Reads and checks the description of a file, and those of the other parts where it is the first of several.</summary>
    /// <exception cref="InputException">It cannot be read, or is not a sound GGUF file, or a part is missing.</exception>
    public static GgufFile Open(string path)
    {
        var file = OpenOne(path);
        GgufParts.Check(file, 0, file.Metadata.Count(GgufKeys.Splits, 1));
        foreach (var (number, part) in GgufParts.Of(path).Index().Skip(1))
        {
            file.Add(part, number);
        }

        return GgufParts.RequireAll(file);
    }

    /// <summary>The tensor of a name.</summary>
    public GgufTensor? Find(string name) => _tensors.GetValueOrDefault(name);

    /// <summary>The exception for a tensor that cannot be used.</summary>
    public InputException Refuse(string tensor, string why) => new($"{Find(tensor)?.Path ?? Path}: tensor {GgufMetadata.Shown(tensor)} {why}.");

    private static GgufFile OpenOne(string path)
    {
        WholeFile.RequireRegular(path);
        using var handle = FileParts.Open(path);
        return new GgufFile(path, handle);
    }

    private void Add(string path, int number)
    {
        if (!File.Exists(path))
        {
            throw InputException.Missing($"{path}: this part of the model is not there. Fetch all parts into one folder.");
        }

        var part = OpenOne(path);
        GgufParts.Check(part, number, Metadata.Count(GgufKeys.Splits, 1));
        foreach (var (name, tensor) in part._tensors)
        {
            if (!_tensors.TryAdd(name, tensor))
            {
                throw part.Refuse(name, $"stands in {_tensors[name].Path}, too: these are not the parts of one model");
            }
        }
    }

    private static (long Tensors, long Entries) ReadCounts(GgufReader reader)
    {
        if (reader.Remaining < GgufKeys.Magic.Length + sizeof(uint) + (2 * sizeof(ulong)))
        {
            throw reader.Damaged(FormattableString.Invariant($"{reader.Remaining} bytes are too few for a GGUF file"));
        }

        foreach (var expected in GgufKeys.Magic)
        {
            if (reader.Byte() != expected)
            {
                throw reader.Damaged("it does not begin with GGUF");
            }
        }

        var version = reader.UInt32();
        if (version is not (2 or 3))
        {
            var isSwapped = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(version) is > 0 and < 1 << 16 && (version & 0xFFFF) == 0;
            throw reader.Damaged(isSwapped
                ? "its numbers are big-endian, which is not read"
                : FormattableString.Invariant($"it has version {version} of the format; versions 2 and 3 are read"));
        }

        return (reader.Count("tensors", LeastTensorBytes), reader.Count("metadata entries", LeastEntryBytes));
    }

    private (string Name, GgufTensorType Type, long[] Shape, ulong Offset) ReadTensor(GgufReader reader)
    {
        var name = reader.Text("the name of a tensor");
        var dimensions = reader.UInt32();
        if (dimensions is 0 or > MostDimensions)
        {
            throw Refuse(name, FormattableString.Invariant($"announces {dimensions} dimensions; there are 1 to {MostDimensions}"));
        }

        // Row length first in the file.
        var shape = new long[dimensions];
        var length = 1L;
        for (var i = (int)dimensions - 1; i >= 0; i--)
        {
            var size = reader.UInt64();
            if (size == 0 || size > (ulong)(long.MaxValue / 8 / length))
            {
                throw Refuse(name, FormattableString.Invariant($"has a dimension of {size}, which is impossible"));
            }

            shape[i] = (long)size;
            length *= shape[i];
        }

        if (GgufTensorTypes.Find(reader.UInt32(), out var what) is not { } type)
        {
            throw Refuse(name, $"has the type {what}, which is not read: use the model in another quantisation");
        }

        if (shape[^1] % type.BlockLength() != 0)
        {
            throw Refuse(name, FormattableString.Invariant($"has rows of {shape[^1]}, which {type} cannot divide into blocks of {type.BlockLength()}"));
        }

        return (name, type, shape, reader.UInt64());
    }

    // Sorted by place, no tensor may begin before the one in front has ended.
    private void Place(List<(string Name, GgufTensorType Type, long[] Shape, ulong Offset)> announced, long start, long dataLength, long alignment)
    {
        var end = 0L;
        foreach (var (name, type, shape, offset) in announced.OrderBy(tensor => tensor.Offset))
        {
            var bytes = shape.Aggregate(1L, (product, size) => product * size) / type.BlockLength() * type.BlockBytes();
            if (offset % (ulong)alignment != 0)
            {
                throw Refuse(name, FormattableString.Invariant($"begins at byte {offset} of the data, which is no multiple of the alignment {alignment}"));
            }

            if (offset > (ulong)Math.Max(0, dataLength) || bytes > dataLength - (long)offset)
            {
                throw Refuse(name, FormattableString.Invariant($"has {bytes} bytes from byte {offset} of the data on, but the file has {Math.Max(0, dataLength)} bytes of data: it is cut off or damaged, fetch it again"));
            }

            if ((long)offset < end)
            {
                throw Refuse(name, "shares bytes with another tensor: the file is damaged, fetch it again");
            }

            end = (long)offset + bytes;
            if (!_tensors.TryAdd(name, new GgufTensor(Path, name, type, shape, start + (long)offset, bytes)))
            {
                throw Refuse(name, "stands twice: the file is damaged, fetch it again");
            }
        }
    }
}
