using System.IO.Compression;

namespace Rlhf.Data;

/// <summary>
/// The bytes of a data file one by one, unpacked if it is gzipped (by its content, whatever its name says), with the position of the next
/// byte. Holds one buffer, however large the file or what it unpacks to.
/// </summary>
internal sealed class TextBytes : IDisposable
{
    private const int BufferSize = 64 * 1024;

    /// <summary>How files begin that people mistake for JSON, and what to do with them.</summary>
    private static readonly (byte[] Start, string What)[] OtherFormats =
    [
        ([0xFF, 0xFE], "UTF-16 text: save it as UTF-8"),
        ([0xFE, 0xFF], "UTF-16 text: save it as UTF-8"),
        ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive: unpack it"),
        ([0x28, 0xB5, 0x2F, 0xFD], "Zstandard data: unpack it, or pack it with gzip"),
        ([0x42, 0x5A, 0x68], "bzip2 data: unpack it, or pack it with gzip"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz data: unpack it, or pack it with gzip"),
        ([0x50, 0x41, 0x52, 0x31], "a Parquet file: convert it to JSON lines"),
        ([0x1F, 0x8B], "gzip data inside gzip: unpack it once"),
    ];

    private readonly string _file;
    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _position;
    private int _length;

    public TextBytes(string file, string path)
    {
        _file = file;
        _stream = Open(path);
        try
        {
            Fill();
            SkipMark();
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    /// <summary>Line of the next byte, from 1.</summary>
    public int Line { get; private set; } = 1;

    /// <summary>Column of the next byte in characters, from 1.</summary>
    public int Column { get; private set; } = 1;

    /// <summary>Bytes before the next one.</summary>
    public long Offset { get; private set; }

    public RowPosition Position => new(_file, Line, Column);

    /// <summary>The next byte without taking it; -1 at the end.</summary>
    public int Peek() => _position < _length || Fill() ? _buffer[_position] : -1;

    /// <summary>Takes the byte that <see cref="Peek"/> showed.</summary>
    public void Skip()
    {
        var b = _buffer[_position++];
        Offset++;
        if (b == '\n')
        {
            (Line, Column) = (Line + 1, 1);
        }
        else if ((b & 0xC0) != 0x80)
        {
            Column++;
        }
    }

    /// <summary>Takes spaces, tabs and line ends.</summary>
    public void SkipWhiteSpace()
    {
        while (Peek() is ' ' or '\t' or '\r' or '\n')
        {
            Skip();
        }
    }

    public InputException Error(string message) => new($"{Position}: {message}");

    public void Dispose() => _stream.Dispose();

    private FileStream OpenFile(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferSize);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{_file}: cannot be read: {e.Message}", e);
        }
    }

    private Stream Open(string path)
    {
        var file = OpenFile(path);
        Span<byte> start = stackalloc byte[2];
        var gzipped = file.ReadAtLeast(start, 2, throwOnEndOfStream: false) == 2 && start[0] == 0x1F && start[1] == 0x8B;
        file.Position = 0;
        return gzipped ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    private bool Fill()
    {
        try
        {
            _position = 0;
            _length = _stream.ReadAtLeast(_buffer, BufferSize, throwOnEndOfStream: false);
            return _length > 0;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw Error($"the file is broken from here on: {e.Message}");
        }
    }

    private void SkipMark()
    {
        var start = _buffer.AsSpan(0, _length);
        foreach (var (bytes, what) in OtherFormats)
        {
            if (start.StartsWith(bytes))
            {
                throw Error($"expected JSON, found {what}");
            }
        }

        if (start.StartsWith("\uFEFF"u8))
        {
            _position = 3;
            Offset = 3;
        }
    }
}
