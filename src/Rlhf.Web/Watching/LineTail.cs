using System.Buffers;

namespace Rlhf.Web.Watching;

/// <summary>
/// The lines that were appended to a file since the last look. A look reads a bounded number of bytes, and keeps only where it stands and the bytes before that
/// place, by which it notices that the file was replaced: a resumed run takes away what it does again.
/// </summary>
/// <param name="path">The file, which may not be there yet, or be damaged.</param>
/// <param name="longestLine">Bytes of a line; longer ones are refused.</param>
/// <param name="startFromEnd">Where the first look begins: so many bytes before the end.</param>
internal sealed class LineTail(string path, int longestLine, long startFromEnd = long.MaxValue)
{
    private const int MarkBytes = 256;

    private long _at; // where the next line begins
    private byte[] _mark = [];
    private (long Length, DateTime Written) _seen;
    private bool _inLongLine;

    /// <summary>Lines that were too long.</summary>
    public long Refused { get; private set; }

    /// <summary>Whether the file had more than one look reads.</summary>
    public bool HasMore { get; private set; }

    /// <summary>Gives every new whole line, without its end, to <paramref name="take"/>.</summary>
    /// <param name="replaced">Is done first where the file is not the one that was read before: what came out of it no longer holds.</param>
    /// <param name="take">Takes a line; the bytes are good until it returns.</param>
    /// <exception cref="InputException">The file is none, or cannot be read.</exception>
    public void Look(Action replaced, Action<ReadOnlySpan<byte>> take)
    {
        var file = new FileInfo(path);
        if (!file.Exists || file.Length == 0)
        {
            ForgetIf(_at > 0, replaced);
            return;
        }

        if (!HasMore && _seen == (file.Length, file.LastWriteTimeUtc))
        {
            return;
        }

        try
        {
            using var stream = WholeFile.Open(path, FileShare.ReadWrite | FileShare.Delete);
            ForgetIf(stream.Length < _at || !HoldsMark(stream), replaced);
            _seen = (file.Length, file.LastWriteTimeUtc);
            Read(stream, take);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(path, exception);
        }
    }

    private void ForgetIf(bool isOther, Action replaced)
    {
        if (isOther)
        {
            (_at, _mark, _seen, _inLongLine, Refused, HasMore) = (0, [], default, false, 0, false);
            replaced();
        }
    }

    private bool HoldsMark(FileStream stream)
    {
        var found = new byte[_mark.Length];
        return RandomAccess.Read(stream.SafeFileHandle, found, _at - _mark.Length) == _mark.Length && found.AsSpan().SequenceEqual(_mark);
    }

    private void Read(FileStream stream, Action<ReadOnlySpan<byte>> take)
    {
        if (_at == 0 && stream.Length > startFromEnd)
        {
            (_at, _inLongLine) = (stream.Length - startFromEnd, true); // in the middle of a line, which is not counted as refused
            Refused--;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(longestLine + 1);
        try
        {
            var read = 0L;
            for (int count; read < Limits.WatchedPart && (count = RandomAccess.Read(stream.SafeFileHandle, buffer.AsSpan(0, longestLine + 1), _at)) > 0;)
            {
                var used = Take(buffer.AsSpan(0, count), take);
                if (used == 0)
                {
                    break; // a line that is not whole yet
                }

                (_at, read) = (_at + used, read + used);
            }

            HasMore = read >= Limits.WatchedPart;
            _mark = new byte[Math.Min(MarkBytes, _at)];
            _ = RandomAccess.Read(stream.SafeFileHandle, _mark, _at - _mark.Length);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Takes the lines of a part; how many bytes of it are done with.</summary>
    private int Take(ReadOnlySpan<byte> bytes, Action<ReadOnlySpan<byte>> take)
    {
        var used = 0;
        while (bytes[used..].IndexOf((byte)'\n') is var length and >= 0)
        {
            if (_inLongLine)
            {
                _inLongLine = false;
                Refused++;
            }
            else if (length > 0)
            {
                take(bytes.Slice(used, length));
            }

            used += length + 1;
        }

        if (used == 0 && (bytes.Length > longestLine || _inLongLine))
        {
            _inLongLine = true;
            return bytes.Length;
        }

        return used;
    }
}
