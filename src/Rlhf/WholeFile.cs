using System.Text;

namespace Rlhf;

/// <summary>
/// Opens and reads files that strangers may have made: nothing that is no regular file, and no more than a limit. A pipe would be waited for without end, and a device such as /dev/zero
/// never ends; both have length 0, and so has no file that says anything. Text is UTF-8 or refused: a byte that is none would silently become another character.
/// </summary>
internal static class WholeFile
{
    private const string StandardInput = "standard input";
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Opens a file for reading. An empty one is refused like a device, since they cannot be told apart before they are opened.</summary>
    /// <exception cref="InputException">It is no regular file, is empty, or cannot be read.</exception>
    public static FileStream Open(string path, FileShare share = FileShare.Read) => Guard(path, () =>
    {
        RequireRegular(path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, share, bufferSize: 0);
    });

    /// <summary>Opens a file for reading, which may be empty.</summary>
    /// <exception cref="InputException">It is no regular file, or cannot be read.</exception>
    public static Stream OpenEvenEmpty(string path, FileShare share = FileShare.Read) =>
        Guard(path, () => LengthOf(path)) == 0 ? Stream.Null : Open(path, share);

    /// <summary>Refuses what is no regular file, before it is opened.</summary>
    /// <exception cref="InputException">It is no regular file, or is empty.</exception>
    public static void RequireRegular(string path)
    {
        if (LengthOf(path) == 0)
            throw new InputException($"{path}: the file is empty");
    }

    /// <summary>Refuses a pipe or device; a file may be empty.</summary>
    /// <exception cref="InputException">It is no regular file, or cannot be read.</exception>
    public static void RefuseSpecial(string path) => Guard(path, () => LengthOf(path));

    /// <summary>A file's bytes; none where it is empty.</summary>
    /// <exception cref="InputException">It is longer than <paramref name="most"/>, or cannot be read.</exception>
    public static byte[] Bytes(string path, long most) => Guard(path, () =>
    {
        var length = LengthOf(path);
        if (length > most)
            throw TooLong(path, most);
        return length == 0 ? [] : Read(path, most);
    });

    /// <summary>A file's text, UTF-8 with or without a byte-order mark.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">Its longest length in bytes.</param>
    /// <param name="name">What the user calls it.</param>
    /// <exception cref="InputException">It is longer than <paramref name="most"/> bytes, or cannot be read.</exception>
    public static string Text(string path, long most, string? name = null) => Decoded(name ?? path, Bytes(path, most));

    /// <summary>The text of a file that the user named, which may be a pipe.</summary>
    /// <exception cref="InputException">It is longer than <paramref name="most"/> bytes, or cannot be read.</exception>
    public static string NamedText(string path, long most) => Decoded(path, Guard(path, () =>
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        return Read(path, stream, most);
    }));

    /// <summary>What a program is given on its standard input, UTF-8 with or without a byte-order mark.</summary>
    /// <exception cref="InputException">It is longer than <paramref name="most"/> bytes, or cannot be read.</exception>
    public static string StandardInputText(long most) => Decoded(StandardInput, StandardInputBytes(most));

    /// <summary>The bytes of standard input.</summary>
    /// <exception cref="InputException">They are more than <paramref name="most"/>, or cannot be read.</exception>
    public static byte[] StandardInputBytes(long most) => Guard(StandardInput, () =>
    {
        using var stream = Console.OpenStandardInput();
        return Read(StandardInput, stream, most);
    });

    /// <summary>The lines of a file.</summary>
    /// <exception cref="InputException">A line is longer than <paramref name="longest"/> bytes, or the file cannot be read.</exception>
    public static IEnumerable<string> Lines(string path, int longest)
    {
        if (Guard(path, () => LengthOf(path)) == 0)
            yield break;
        using var lines = new LineReader(path, Open(path, FileShare.ReadWrite | FileShare.Delete), longest);
        while (Guard(path, lines.Next) is { } line)
            yield return line;
    }

    // The length of a link is that of its path.
    private static long LengthOf(string path)
    {
        var file = new FileInfo(path);
        var length = file.LinkTarget is null ? file.Length : file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : 0;
        return length > 0 || SpecialFile.IsEmptyFile(path) ? length : throw new InputException($"{path}: this is no regular file but a pipe or device");
    }

    private static byte[] Read(string path, long most)
    {
        using var stream = Open(path, FileShare.ReadWrite | FileShare.Delete);
        return Read(path, stream, most);
    }

    private static byte[] Read(string path, Stream stream, long most)
    {
        using var content = new MemoryStream();
        var part = new byte[64 * 1024];
        for (int read; (read = stream.Read(part)) > 0;)
        {
            if (content.Length + read > most)
                throw TooLong(path, most);
            content.Write(part, 0, read);
        }

        return content.ToArray();
    }

    private static string Decoded(string path, byte[] bytes, long start = 0)
    {
        var mark = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? 3 : 0;
        try
        {
            return Strict.GetString(bytes, mark, bytes.Length - mark);
        }
        catch (DecoderFallbackException exception)
        {
            var at = mark + FirstNotUtf8(bytes.AsSpan(mark));
            throw new InputException(FormattableString.Invariant($"{path}: expected UTF-8, found the byte 0x{bytes[at]:X2}, which is byte {start + at} of the text, counted from 0: save it as UTF-8"), exception);
        }
    }

    /// <summary>Where the first byte stands that is not UTF-8; the bytes' number where all are.</summary>
    public static int FirstNotUtf8(ReadOnlySpan<byte> bytes)
    {
        var valid = 0;
        while (Rune.DecodeFromUtf8(bytes[valid..], out _, out var length) == System.Buffers.OperationStatus.Done)
            valid += length;
        return valid;
    }

    private static T Guard<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (FileFailure.Is(exception) || exception is NotSupportedException)
        {
            throw FileFailure.Unreadable(path, exception);
        }
    }

    private static InputException TooLong(string path, long most) =>
        new(path == StandardInput
            ? FormattableString.Invariant($"{path}: it is longer than {most} bytes; save it as a file, or send it in parts")
            : FormattableString.Invariant($"{path}: the file is longer than {most} bytes, which no sound one is"));

    /// <summary>Lines one by one, so that the length of each is known before it is in memory.</summary>
    private sealed class LineReader(string path, FileStream stream, int longest) : IDisposable
    {
        private readonly BufferedStream _bytes = new(stream, 64 * 1024);
        private readonly MemoryStream _line = new();
        private long _position;

        public string? Next()
        {
            _line.SetLength(0);
            var start = _position;
            int next;
            while ((next = _bytes.ReadByte()) is not (-1 or '\n'))
            {
                if (_line.Length == longest)
                    throw new InputException(FormattableString.Invariant($"{path}: a line is longer than {longest} bytes, which no sound one is"));
                _line.WriteByte((byte)next);
            }

            _position += _line.Length + 1;
            if (next < 0)
                return _line.Length == 0 ? null : Encoding.UTF8.GetString(_line.ToArray()).TrimEnd('\r'); // a death may have torn it, within a character too
            return Decoded(path, _line.ToArray(), start).TrimEnd('\r');
        }

        public void Dispose() => _bytes.Dispose();
    }
}
