using System.Text;

namespace Rlhf.Core;

/// <summary>
/// Opens and reads files that strangers may have made: nothing that is no regular file, and no more than a limit. A pipe would be waited for without end, and a device such as /dev/zero
/// never ends; both have length 0, and so has no file that says anything.
/// </summary>
internal static class WholeFile
{
    /// <summary>Opens a file for reading. An empty one is refused like a device, since they cannot be told apart before they are opened.</summary>
    /// <exception cref="InputException">It is no regular file, is empty, or cannot be read.</exception>
    public static FileStream Open(string path, FileShare share = FileShare.Read) => Guard(path, () =>
    {
        RequireRegular(path);
        return new FileStream(path, FileMode.Open, FileAccess.Read, share, bufferSize: 0);
    });

    /// <summary>Refuses what is no regular file, before it is opened.</summary>
    /// <exception cref="InputException">It is no regular file, or is empty.</exception>
    public static void RequireRegular(string path)
    {
        if (LengthOf(path) == 0)
        {
            throw new InputException($"{path}: the file is empty, or is no regular file but a pipe or device");
        }
    }

    /// <summary>A file's bytes; none where it is empty.</summary>
    /// <exception cref="InputException">It is longer than <paramref name="most"/>, or cannot be read.</exception>
    public static byte[] Bytes(string path, long most) => Guard(path, () =>
    {
        var length = LengthOf(path);
        if (length > most)
        {
            throw TooLong(path, most);
        }

        return length == 0 ? [] : Read(path, most);
    });

    /// <summary>A file's text, UTF-8 with or without a byte-order mark.</summary>
    /// <exception cref="InputException">It is longer than <paramref name="most"/> bytes, or cannot be read.</exception>
    public static string Text(string path, long most) => Decoded(Bytes(path, most));

    /// <summary>The text of a file that the user named, which may be a pipe.</summary>
    /// <exception cref="InputException">It is longer than <paramref name="most"/> bytes, or cannot be read.</exception>
    public static string NamedText(string path, long most) => Guard(path, () => Decoded(Read(path, most)));

    /// <summary>The lines of a file.</summary>
    /// <exception cref="InputException">A line is longer than <paramref name="longest"/> bytes, or the file cannot be read.</exception>
    public static IEnumerable<string> Lines(string path, int longest)
    {
        if (Guard(path, () => LengthOf(path)) == 0)
        {
            yield break;
        }

        using var lines = new LineReader(path, Open(path, FileShare.ReadWrite | FileShare.Delete), longest);
        while (Guard(path, lines.Next) is { } line)
        {
            yield return line;
        }
    }

    // The length of a link is that of its path.
    private static long LengthOf(string path)
    {
        var file = new FileInfo(path);
        return file.LinkTarget is null ? file.Length : file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : 0;
    }

    private static byte[] Read(string path, long most)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        using var content = new MemoryStream();
        var part = new byte[64 * 1024];
        for (int read; (read = stream.Read(part)) > 0;)
        {
            if (content.Length + read > most)
            {
                throw TooLong(path, most);
            }

            content.Write(part, 0, read);
        }

        return content.ToArray();
    }

    private static string Decoded(byte[] bytes) => Encoding.UTF8.GetString(bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(3) : bytes);

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
        new(FormattableString.Invariant($"{path}: the file is longer than {most} bytes, which no sound one is"));

    /// <summary>Lines one by one, so that the length of each is known before it is in memory.</summary>
    private sealed class LineReader(string path, FileStream stream, int longest) : IDisposable
    {
        private readonly BufferedStream _bytes = new(stream, 64 * 1024);
        private readonly MemoryStream _line = new();

        public string? Next()
        {
            _line.SetLength(0);
            int next;
            while ((next = _bytes.ReadByte()) is not (-1 or '\n'))
            {
                if (_line.Length == longest)
                {
                    throw new InputException(FormattableString.Invariant($"{path}: a line is longer than {longest} bytes, which no sound one is"));
                }

                _line.WriteByte((byte)next);
            }

            return next < 0 && _line.Length == 0 ? null : Decoded(_line.ToArray()).TrimEnd('\r');
        }

        public void Dispose() => _bytes.Dispose();
    }
}
