using System.IO.Compression;
using System.Text;

namespace Rlhf.Data;

/// <summary>
/// A data file as bytes of UTF-8 text: gzip (several members in a row, too), Zstandard (several frames) and UTF-16 are undone. What is in a file is told by its
/// first bytes; a name that says otherwise is an error, since then somebody has mistaken one file for another.
/// </summary>
internal static class DataStream
{
    private const int BufferSize = 64 * 1024;

    private static readonly (string Extension, byte[] Start, string What)[] Packings =
        [(".gz", [0x1F, 0x8B], "gzip"), (".zst", [0x28, 0xB5, 0x2F, 0xFD], "Zstandard")];

    /// <summary>The first bytes of a file as it lies on the disk.</summary>
    /// <exception cref="InputException">It cannot be read.</exception>
    public static byte[] StartOf(string name, string path)
    {
        using var file = OpenFile(name, path);
        var start = new byte[8];
        return start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }

    /// <summary>The name without an ending for packed files.</summary>
    public static string WithoutPacking(string name) =>
        Path.GetExtension(name).ToLowerInvariant() is ".gz" or ".zst" ? Path.GetFileNameWithoutExtension(name) : name;

    /// <summary>Opens a file.</summary>
    /// <param name="name">Its name in errors.</param>
    /// <param name="path">Where it is.</param>
    /// <returns>The text, and the most bytes that it may have: a small file that unpacks to very much is no data.</returns>
    /// <exception cref="InputException">It cannot be read, or is not what its name says.</exception>
    public static (Stream Text, long Most) Open(string name, string path)
    {
        var file = OpenFile(name, path);
        var start = new byte[4];
        var read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        foreach (var (extension, mark, what) in Packings)
        {
            var isPacked = start.AsSpan(0, read).StartsWith(mark);
            if (!isPacked && name.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
            {
                file.Dispose();
                throw new InputException($"{name}: the name says {what}, and the file is not packed with it: name it for what it is.");
            }

            if (isPacked)
            {
                return (AsUtf8(Unpacked(file, extension)), Limits.BlankBytes + (file.Length * Limits.UnpackedRatio));
            }
        }

        return (AsUtf8(file), long.MaxValue);
    }

    private static Stream Unpacked(FileStream file, string extension) => extension == ".gz"
        ? new GZipStream(file, CompressionMode.Decompress)
        : new ZstdSharp.DecompressionStream(file, BufferSize, checkEndOfStream: true, leaveOpen: false);

    private static Stream AsUtf8(Stream stream)
    {
        var peeked = new PeekedStream(stream);
        return peeked.Start switch
        {
            [0xFF, 0xFE] => OfUtf16(peeked, bigEndian: false),
            [0xFE, 0xFF] => OfUtf16(peeked, bigEndian: true),
            _ => peeked,
        };

        static Stream OfUtf16(Stream stream, bool bigEndian) => Encoding.CreateTranscodingStream(
            stream, new UnicodeEncoding(bigEndian, byteOrderMark: true, throwOnInvalidBytes: true), new UTF8Encoding(false));
    }

    private static FileStream OpenFile(string name, string path)
    {
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferSize);
            if (file.CanSeek)
            {
                return file;
            }

            file.Dispose();
            throw new InputException($"{name}: is a pipe or device, which cannot be read twice: save it as a file first");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{name}: cannot be read: {FailureText.Of(e, path)}", e);
        }
    }

    /// <summary>A stream whose first two bytes have been looked at. What cannot be unpacked is told when it is read, with its place.</summary>
    private sealed class PeekedStream : Stream
    {
        private readonly Stream _inner;
        private readonly Exception? _failure;
        private int _at;

        public PeekedStream(Stream inner)
        {
            _inner = inner;
            var start = new byte[2];
            try
            {
                Start = start[..inner.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
            }
            catch (Exception e) when (e is InvalidDataException or IOException or ZstdSharp.ZstdException)
            {
                (Start, _failure) = ([], e);
            }
        }

        public byte[] Start { get; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            if (_failure is not null)
            {
                throw new InvalidDataException(_failure.Message, _failure);
            }

            if (_at == Start.Length)
            {
                return _inner.Read(buffer);
            }

            var taken = Math.Min(buffer.Length, Start.Length - _at);
            Start.AsSpan(_at, taken).CopyTo(buffer);
            _at += taken;
            return taken;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
