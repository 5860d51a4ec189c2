using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Rlhf.Data;

/// <summary>
/// The bytes of a data file one by one, unpacked if it is packed, with the position of the next byte. Holds one buffer, however large the file or what it
/// unpacks to.
/// </summary>
internal sealed partial class TextBytes : IDisposable
{
    private const int BufferSize = 64 * 1024;

    private readonly string _file;
    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _position;
    private int _length;
    private long _unpacked;
    private readonly long _most;

    /// <param name="file">The file's name in positions.</param>
    /// <param name="path">Where it is.</param>
    /// <param name="isTable">Whether a table as text is expected, and not JSON.</param>
    public TextBytes(string file, string path, bool isTable = false)
    {
        _file = file;
        (_stream, _most) = DataStream.Open(file, path);
        try
        {
            Fill();
            SkipMark(isTable);
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

    /// <summary>Goes to the array of rows, where the file begins as an object that holds one (<c>{"data": [</c>) behind nothing but single values.</summary>
    /// <returns>Whether it does.</returns>
    public bool SkipToNestedArray()
    {
        var start = Encoding.Latin1.GetString(_buffer, _position, _length - _position);
        if (NestedArray().Match(start) is not { Success: true } match)
        {
            return false;
        }

        for (var i = 0; i < match.Length - 1; i++)
        {
            Skip();
        }

        return true;
    }

    public InputException Error(string message) => new($"{Position}: {message}");

    public void Dispose() => _stream.Dispose();

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
        catch (Exception e) when (e is InvalidDataException or IOException or ZstdSharp.ZstdException or DecoderFallbackException)
        {
            throw Error($"the file is broken from here on: {FailureText.Of(e)}");
        }
    }

    private void SkipMark(bool isTable)
    {
        var start = _buffer.AsSpan(0, _length);
        if (ForeignFile.Named(start, isTable) is { } what)
        {
            throw Error($"expected {(isTable ? "a table" : "JSON")}, found {what}");
        }

        if (start.StartsWith("\uFEFF"u8))
        {
            _position = 3;
            Offset = 3;
        }
    }

    [GeneratedRegex(@"^\s*\{(?:\s*""[^""\\]{0,64}""\s*:\s*(?:""[^""\\]{0,256}""|[\w.+-]{1,32})\s*,){0,16}\s*""(?:data|rows|examples|instances)""\s*:\s*\[(?=\s*(?:\{|\]))")]
    private static partial Regex NestedArray();
}
