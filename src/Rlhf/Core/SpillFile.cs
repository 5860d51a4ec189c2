using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Rlhf.Core;

/// <summary>
/// A file that serves as memory: records are appended, read back in any order by the place where each begins, and gone when it is disposed. Before each record
/// stand its length and its CRC-32C. Nothing is flushed to the disk, since a process that begins again writes the file anew. For one thread at a time.
/// </summary>
/// <param name="path">Where it is; made with the first record, over what a death has left there.</param>
internal sealed class SpillFile(string path) : IDisposable
{
    /// <summary>What the names of such files end with.</summary>
    public const string Ending = ".spill";

    private const int HeaderBytes = 8;
    private const int BufferBytes = 1 << 20;
    private const int FirstReadBytes = 4096; // most records have fewer

    private readonly byte[] _header = new byte[HeaderBytes];
    private readonly byte[] _start = new byte[FirstReadBytes];
    private SafeFileHandle? _file;
    private byte[] _buffer = [];
    private int _buffered;
    private long _written;

    /// <summary>Bytes of all records with their headers.</summary>
    public long Length => _written + _buffered;

    /// <summary>Adds a record.</summary>
    /// <returns>Its place.</returns>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public long Append(ReadOnlySpan<byte> record)
    {
        var place = Length;
        BinaryPrimitives.WriteInt32LittleEndian(_header, record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(_header.AsSpan(4), Crc32C.Compute(record));
        Write(_header);
        Write(record);
        return place;
    }

    /// <summary>The record that begins at a place.</summary>
    /// <exception cref="RunFailedException">It is not what was written, or cannot be read.</exception>
    public byte[] Read(long place)
    {
        Flush();
        var got = ReadAt(place, _start.AsSpan(0, (int)Math.Min(FirstReadBytes, _written - place)));
        var length = got < HeaderBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(_start);
        if (length < 0 || length > _written - place - HeaderBytes)
        {
            throw Damaged(place);
        }

        var record = new byte[length];
        var early = Math.Min(length, got - HeaderBytes);
        _start.AsSpan(HeaderBytes, early).CopyTo(record);
        return ReadAt(place + HeaderBytes + early, record.AsSpan(early)) == length - early
            && Crc32C.Compute(record) == BinaryPrimitives.ReadUInt32LittleEndian(_start.AsSpan(4))
                ? record
                : throw Damaged(place);
    }

    /// <summary>Removes the file.</summary>
    public void Dispose()
    {
        _file?.Dispose();
        (_file, _buffer, _buffered, _written) = (null, [], 0, 0);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        if (_buffer.Length == 0)
        {
            _buffer = new byte[BufferBytes];
        }

        while (bytes.Length > 0)
        {
            var taken = Math.Min(bytes.Length, BufferBytes - _buffered);
            bytes[..taken].CopyTo(_buffer.AsSpan(_buffered));
            _buffered += taken;
            bytes = bytes[taken..];
            if (_buffered == BufferBytes)
            {
                Flush();
            }
        }
    }

    private void Flush()
    {
        if (_buffered == 0)
        {
            return;
        }

        try
        {
            _file ??= File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read, FileOptions.DeleteOnClose);
            RandomAccess.Write(_file, _buffer.AsSpan(0, _buffered), _written);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }

        (_written, _buffered) = (_written + _buffered, 0);
    }

    /// <summary>Reads until the bytes are there or the file ends.</summary>
    private int ReadAt(long place, Span<byte> bytes)
    {
        try
        {
            var got = 0;
            for (int read; got < bytes.Length && (read = RandomAccess.Read(_file!, bytes[got..], place + got)) > 0; got += read)
            {
            }

            return got;
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw new RunFailedException($"{path} cannot be read: {FileFailure.ReasonOf(exception)}", exception);
        }
    }

    private RunFailedException Damaged(long place) => new(FormattableString.Invariant(
        $"{path}: the record at byte {place} is damaged: the disk or another program changed it while the stage ran. Nothing is lost: --resume writes this file anew and goes on from the last checkpoint."));
}
