using System.Buffers;

namespace Rlhf.Core;

/// <summary>
/// A file of lines that is only appended to. A line is one write, so a death leaves whole lines and at most one torn at the end, which the next
/// <see cref="Open"/> takes away and no
/// reader sees. Others may read it while it is written.
/// </summary>
public sealed class JsonLines : IDisposable
{
    private readonly string _path;
    private FileStream _stream;

    private JsonLines(string path) => (_path, _stream) = (path, OpenStream(path));

    /// <summary>Opens a file for appending; creates it if it is absent, takes a torn last line away.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    /// <exception cref="InputException">It is no regular file.</exception>
    public static JsonLines Open(string path)
    {
        try
        {
            if (File.Exists(path))
            {
                WholeFile.RefuseSpecial(path);
                CutTornLine(path);
            }

            return new JsonLines(path);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }
    }

    /// <summary>The whole lines of a file, without their ends, in order; none where there is no file.</summary>
    /// <exception cref="InputException">It is larger than any file of its kind, or cannot be read.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> Read(string path)
    {
        var lines = new List<ReadOnlyMemory<byte>>();
        var bytes = File.Exists(path) ? ReadWhileWritten(path) : default;
        while (bytes.Span.IndexOf((byte)'\n') is var end and >= 0)
        {
            lines.Add(bytes[..end]);
            bytes = bytes[(end + 1)..];
        }

        return lines;
    }

    /// <summary>Replaces a file by some of its lines, whole or not at all.</summary>
    public static void Replace(string path, IEnumerable<ReadOnlyMemory<byte>> lines)
    {
        var kept = new ArrayBufferWriter<byte>();
        foreach (var line in lines)
        {
            kept.Write(line.Span);
            kept.Write("\n"u8);
        }

        DurableFiles.WriteAtomically(path, file => file.Write(kept.WrittenSpan));
    }

    /// <summary>Appends a line, which brings its end along.</summary>
    /// <param name="line">UTF-8, with a line end.</param>
    /// <param name="toDisk">Whether it must be on the disk when this returns.</param>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public void Append(ReadOnlySpan<byte> line, bool toDisk = false)
    {
        try
        {
            _stream.Write(line);
            if (toDisk)
            {
                _stream.Flush(flushToDisk: true);
            }
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(_path, exception);
        }
    }

    /// <summary>Keeps some lines alone, and goes on behind them.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public void Keep(IEnumerable<ReadOnlyMemory<byte>> lines)
    {
        ReadOnlyMemory<byte>[] kept = [.. lines];
        _stream.Dispose();
        Replace(_path, kept);
        try
        {
            _stream = OpenStream(_path);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(_path, exception);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    // No buffer of our own: a line is in the kernel's hands when Write returns. Windows refuses a reader that would not let others write.
    private static FileStream OpenStream(string path) => new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    // Windows refuses a reader that would not let the writer write.
    internal static ReadOnlyMemory<byte> ReadWhileWritten(string path)
    {
        try
        {
            using var file = WholeFile.OpenEvenEmpty(path, FileShare.ReadWrite | FileShare.Delete);
            var bytes = file.Length <= Limits.RunFile ? new byte[file.Length] : throw new InputException($"{path} is larger than any file of its kind.");
            return bytes.AsMemory(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false));
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(path, exception);
        }
    }

    private static void CutTornLine(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        var end = stream.Length;
        while (end > 0)
        {
            stream.Position = end - 1;
            if (stream.ReadByte() == '\n')
            {
                break;
            }

            end--;
        }

        stream.SetLength(end);
    }
}
