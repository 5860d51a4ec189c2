using System.Globalization;
using System.IO.Compression;

namespace Rlhf.Data;

/// <summary>
/// The bytes of a data file one by one, unpacked if it is gzipped (by its content, whatever its name says), with the position of the next
/// byte. Holds one buffer, however large the file or what it unpacks to.
/// </summary>
internal sealed class TextBytes : IDisposable
{
    private const int BufferSize = 64 * 1024;

    private readonly string _file;
    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _position;
    private int _length;
    private long _unpacked;
    private long _most;

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
    /// <exception cref="InputException">There are too many of them: a small file may unpack to white space without end.</exception>
    public void SkipWhiteSpace()
    {
        for (var end = Offset + Limits.BlankBytes; Peek() is ' ' or '\t' or '\r' or '\n'; Skip())
        {
            if (Offset == end)
            {
                throw Error(string.Create(CultureInfo.InvariantCulture, $"expected a row, found {Limits.BlankBytes} bytes of white space and more"));
            }
        }
    }

    public InputException Error(string message) => new($"{Position}: {message}");

    public void Dispose() => _stream.Dispose();

    private FileStream OpenFile(string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferSize);
            if (file.CanSeek)
            {
                return file;
            }

            file.Dispose();
            throw new InputException($"{_file}: is a pipe or device, which cannot be read twice: save it as a file first");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{_file}: cannot be read: {FailureText.Of(e, path)}", e);
        }
    }

    private Stream Open(string path)
    {
        var file = OpenFile(path);
        Span<byte> start = stackalloc byte[2];
        var gzipped = file.ReadAtLeast(start, 2, throwOnEndOfStream: false) == 2 && start[0] == 0x1F && start[1] == 0x8B;
        file.Position = 0;
        _most = gzipped ? Limits.BlankBytes + file.Length * Limits.UnpackedRatio : long.MaxValue;
        return gzipped ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    private bool Fill()
    {
        try
        {
            _position = 0;
            _length = _stream.ReadAtLeast(_buffer, BufferSize, throwOnEndOfStream: false);
            _unpacked += _length;
            if (_unpacked > _most)
            {
                throw Error($"the file unpacks to more than {Limits.UnpackedRatio} times its size, which no sound data does");
            }

            return _length > 0;
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw Error($"the file is broken from here on: {FailureText.Of(e)}");
        }
    }

    private void SkipMark()
    {
        var start = _buffer.AsSpan(0, _length);
        if (ForeignFile.Named(start) is { } what)
        {
            throw Error($"expected JSON, found {what}");
        }

        if (start.StartsWith("\uFEFF"u8))
        {
            _position = 3;
            Offset = 3;
        }
    }
}
