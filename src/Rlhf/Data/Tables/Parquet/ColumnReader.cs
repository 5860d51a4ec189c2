using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>
/// The values of one column of a row group, with the levels that say where lists begin and what is null (Dremel, Melnik 2010). Holds one page and the
/// dictionary at a time, however large the row group is.
/// </summary>
internal sealed class ColumnReader
{
    private const int HeaderBytes = 64 * 1024;
    private const int LargestHeader = 16 << 20;

    private readonly SafeFileHandle _file;
    private readonly ParquetNode _node;
    private readonly ColumnChunk _chunk;
    private readonly long _end;
    private long _at;
    private long _valuesLeft;
    private int _inPage;
    private bool _isPeeked;
    private RunReader? _repetitions;
    private RunReader? _definitions;
    private ValueDecoder? _values;
    private ReadOnlyMemory<byte>[]? _dictionary;
    private byte[] _packed = [];
    private byte[] _page = [];

    /// <param name="file">The file.</param>
    /// <param name="node">The column.</param>
    /// <param name="chunk">Where its pages lie.</param>
    /// <param name="fileLength">Bytes of the file.</param>
    public ColumnReader(SafeFileHandle file, ParquetNode node, ColumnChunk chunk, long fileLength)
    {
        PageCodecs.Require(chunk.Codec);
        if (chunk.Start < 4 || chunk.Length < 0 || chunk.Start > fileLength || chunk.Length > fileLength - chunk.Start || chunk.Values < 0)
        {
            throw new InvalidDataException($"the column \"{node.Name}\" points outside of the file");
        }

        (_file, _node, _chunk, _at, _end, _valuesLeft) = (file, node, chunk, chunk.Start, chunk.Start + chunk.Length, chunk.Values);
    }

    /// <summary>The repetition level of the next value.</summary>
    public int Repetition { get; private set; }

    /// <summary>The definition level of the next value.</summary>
    public int Definition { get; private set; }

    /// <summary>Goes to the next value; false at the end.</summary>
    public bool Peek()
    {
        if (_isPeeked)
        {
            return true;
        }

        while (_inPage == 0)
        {
            if (_valuesLeft == 0)
            {
                return false;
            }

            ReadPage();
        }

        Repetition = Level(_repetitions, _node.Repetition);
        Definition = Level(_definitions, _node.Definition);
        (_inPage, _valuesLeft) = (_inPage - 1, _valuesLeft - 1);
        return _isPeeked = true;
    }

    /// <summary>Passes over a null.</summary>
    public void Skip() => _isPeeked = false;

    /// <summary>Takes the value; good until the next is asked for.</summary>
    public ReadOnlyMemory<byte> Take()
    {
        _isPeeked = false;
        return _values!.Next();
    }

    private static int Level(RunReader? levels, int most) => levels?.Next() is not { } level ? 0
        : level <= most ? level : throw new InvalidDataException("a level goes beyond the schema");

    private void ReadPage()
    {
        var header = ReadHeader();
        var packed = Fill(ref _packed, header.PackedLength);
        _at += header.PackedLength;
        switch (header.Kind)
        {
            case 2:
                ReadDictionary(header, packed);
                break;
            case 0:
                BeginPage(header, Unpacked(packed, header.Length, _chunk.Codec));
                break;
            case 3:
                BeginSecondVersion(header, packed);
                break;
        }
    }

    private PageHeader ReadHeader()
    {
        for (var window = HeaderBytes; ; window *= 8)
        {
            var length = (int)Math.Min(window, _end - _at);
            if (length <= 0)
            {
                throw new InvalidDataException($"the column \"{_node.Name}\" ends too early");
            }

            var bytes = Fill(ref _packed, length);
            try
            {
                var reader = new ThriftReader(bytes);
                var header = PageHeader.Read(reader);
                _at += reader.Position;
                return header.PackedLength <= _end - _at
                    ? header
                    : throw new InvalidDataException($"a page of the column \"{_node.Name}\" goes beyond its end");
            }
            catch (InvalidDataException) when (window < LargestHeader && length == window)
            {
                // The header may be longer: it can hold whole texts as smallest and largest values.
            }
        }
    }

    private Memory<byte> Fill(ref byte[] buffer, int length)
    {
        buffer = Room(buffer, length);
        for (var read = 0; read < length;)
        {
            var got = RandomAccess.Read(_file, buffer.AsSpan(read, length - read), _at + read);
            read += got > 0 ? got : throw new InvalidDataException("the file ends too early");
        }

        return buffer.AsMemory(0, length);
    }

    /// <summary>A page, which may be far larger than what it is packed into, but not without bounds.</summary>
    private ReadOnlyMemory<byte> Unpacked(ReadOnlyMemory<byte> packed, int length, int codec)
    {
        if (codec == 0)
        {
            return packed;
        }

        if (length > Limits.TablePageBytes || length > Limits.BlankBytes + ((long)packed.Length * Limits.UnpackedRatio))
        {
            throw new InvalidDataException($"a page of the column \"{_node.Name}\" unpacks to {length} bytes, more than sound data does");
        }

        _page = Room(_page, length);
        PageCodecs.Unpack(codec, packed, _page.AsMemory(0, length));
        return _page.AsMemory(0, length);
    }

    private void ReadDictionary(PageHeader header, ReadOnlyMemory<byte> packed)
    {
        var data = Unpacked(packed, header.Length, _chunk.Codec).ToArray(); // It outlives the page.
        if (header.Values > data.Length)
        {
            throw new InvalidDataException("a dictionary says that it has more values than fit it");
        }

        var plain = new PlainDecoder(_node, data);
        _dictionary = new ReadOnlyMemory<byte>[header.Values];
        for (var i = 0; i < _dictionary.Length; i++)
        {
            _dictionary[i] = plain.Next();
        }
    }

    private void BeginPage(PageHeader header, ReadOnlyMemory<byte> data)
    {
        _repetitions = FirstVersionLevels(ref data, _node.Repetition);
        _definitions = FirstVersionLevels(ref data, _node.Definition);
        Begin(header, data);
    }

    private static RunReader? FirstVersionLevels(ref ReadOnlyMemory<byte> data, int most)
    {
        if (most == 0)
        {
            return null;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(data.Span);
        var levels = data.Slice(4, length);
        data = data[(4 + length)..];
        return new RunReader(levels, BitsOf(most));
    }

    /// <summary>In the second version the levels are never packed.</summary>
    private void BeginSecondVersion(PageHeader header, ReadOnlyMemory<byte> packed)
    {
        var levels = packed[..checked(header.RepetitionBytes + header.DefinitionBytes)].ToArray();
        _repetitions = _node.Repetition == 0 ? null : new RunReader(levels.AsMemory(0, header.RepetitionBytes), BitsOf(_node.Repetition));
        _definitions = _node.Definition == 0 ? null : new RunReader(levels.AsMemory(header.RepetitionBytes), BitsOf(_node.Definition));
        var codec = header.IsPacked ? _chunk.Codec : 0;
        var rest = packed[levels.Length..];
        Begin(header, rest.IsEmpty ? rest : Unpacked(rest, header.Length - levels.Length, codec));
    }

    private void Begin(PageHeader header, ReadOnlyMemory<byte> data)
    {
        if (header.Values > _valuesLeft)
        {
            throw new InvalidDataException($"the pages of the column \"{_node.Name}\" have more values than the column says");
        }

        _inPage = header.Values;
        _values = data.IsEmpty ? new PlainDecoder(_node, data) : ValueDecoder.Of(header.Encoding, _node, data, _dictionary);
    }

    private static int BitsOf(int most) => 32 - int.LeadingZeroCount(most);

    private static byte[] Room(byte[] buffer, int length) => buffer.Length >= length
        ? buffer
        : GC.AllocateUninitializedArray<byte>(Math.Max(length, 64 * 1024));
}
