using System.Buffers.Binary;
using System.IO.Compression;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>Unpacks pages. The room for what comes out is given, and nothing is written beyond it.</summary>
internal static class PageCodecs
{
    private static readonly string[] Names = ["uncompressed", "Snappy", "gzip", "LZO", "Brotli", "LZ4 (the old framing of Hadoop)", "Zstandard", "LZ4"];

    /// <summary>Refuses a codec that is not read.</summary>
    public static void Require(int codec)
    {
        if (codec is < 0 or 3 || codec >= Names.Length)
        {
            throw new InvalidDataException($"its pages are packed with {(codec == 3 ? Names[codec] : $"an unknown codec, number {codec}")}, which is not read: write it with Zstandard, Snappy or gzip");
        }
    }

    /// <summary>Unpacks a page.</summary>
    /// <param name="codec">Parquet's number of the codec.</param>
    /// <param name="packed">The page.</param>
    /// <param name="page">Room for exactly what comes out.</param>
    public static void Unpack(int codec, ReadOnlyMemory<byte> packed, Memory<byte> page)
    {
        var written = codec switch
        {
            0 => Copy(packed.Span, page.Span),
            1 => Snappy(packed.Span, page.Span),
            2 => Gunzip(packed, page.Span),
            4 => BrotliDecoder.TryDecompress(packed.Span, page.Span, out var length) ? length : -1,
            5 => HadoopLz4(packed.Span, page.Span),
            6 => Zstandard(packed.Span, page.Span),
            _ => Lz4(packed.Span, page.Span),
        };
        if (written != page.Length)
        {
            throw new InvalidDataException($"a page packed with {Names[codec]} does not unpack to the length that it gives");
        }
    }

    private static int Copy(ReadOnlySpan<byte> packed, Span<byte> page)
    {
        packed.CopyTo(page);
        return packed.Length;
    }

    private static int Gunzip(ReadOnlyMemory<byte> packed, Span<byte> page)
    {
        using var stream = new GZipStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
        return stream.ReadAtLeast(page, page.Length, throwOnEndOfStream: false);
    }

    private static int Zstandard(ReadOnlySpan<byte> packed, Span<byte> page)
    {
        using var decompressor = new ZstdSharp.Decompressor();
        return decompressor.TryUnwrap(packed, page, out var written) ? written : -1;
    }

    /// <summary>Snappy's format: the length, then literals and copies of what was written before.</summary>
    private static int Snappy(ReadOnlySpan<byte> packed, Span<byte> page)
    {
        var at = 0;
        while (packed[at++] >= 0x80)
        {
        }

        var to = 0;
        while (at < packed.Length)
        {
            var tag = packed[at++];
            if ((tag & 3) == 0)
            {
                var extra = Math.Max(0, (tag >> 2) - 59);
                var length = extra == 0 ? (tag >> 2) + 1 : checked((int)Little(packed.Slice(at, extra)) + 1);
                packed.Slice(at + extra, length).CopyTo(page[to..]);
                (at, to) = (at + extra + length, to + length);
                continue;
            }

            var (count, bytes) = (tag & 3) == 1 ? (((tag >> 2) & 7) + 4, 1) : ((tag >> 2) + 1, (tag & 3) == 2 ? 2 : 4);
            var offset = checked((int)Little(packed.Slice(at, bytes))) + (bytes == 1 ? (tag >> 5) << 8 : 0);
            at += bytes;
            to = Repeat(page, to, offset, count);
        }

        return to;
    }

    /// <summary>LZ4's block format.</summary>
    private static int Lz4(ReadOnlySpan<byte> packed, Span<byte> page)
    {
        var (at, to) = (0, 0);
        while (at < packed.Length)
        {
            var token = packed[at++];
            var literals = Lz4Length(packed, ref at, token >> 4);
            packed.Slice(at, literals).CopyTo(page[to..]);
            (at, to) = (at + literals, to + literals);
            if (at == packed.Length)
            {
                break;
            }

            var offset = BinaryPrimitives.ReadUInt16LittleEndian(packed[at..]);
            at += 2;
            to = Repeat(page, to, offset, Lz4Length(packed, ref at, token & 15) + 4);
        }

        return to;
    }

    private static int Lz4Length(ReadOnlySpan<byte> packed, ref int at, int length)
    {
        if (length == 15)
        {
            byte more;
            do
            {
                more = packed[at++];
                length = checked(length + more);
            }
            while (more == 255);
        }

        return length;
    }

    /// <summary>Blocks with both lengths before each; some writers leave that out and write LZ4's own format.</summary>
    private static int HadoopLz4(ReadOnlySpan<byte> packed, Span<byte> page)
    {
        var (at, to) = (0, 0);
        while (at + 8 <= packed.Length)
        {
            var (whole, part) = (BinaryPrimitives.ReadInt32BigEndian(packed[at..]), BinaryPrimitives.ReadInt32BigEndian(packed[(at + 4)..]));
            if (whole < 0 || part < 0 || whole > page.Length - to || part > packed.Length - at - 8)
            {
                return at == 0 ? Lz4(packed, page) : -1;
            }

            to += Lz4(packed.Slice(at + 8, part), page.Slice(to, whole));
            at += 8 + part;
        }

        return to;
    }

    private static int Repeat(Span<byte> page, int to, int offset, int count)
    {
        if (offset <= 0 || offset > to || count > page.Length - to)
        {
            throw new InvalidDataException("a packed page points outside of itself");
        }

        for (var i = 0; i < count; i++)
        {
            page[to + i] = page[to + i - offset]; // What is copied may begin in what is being written.
        }

        return to + count;
    }

    private static uint Little(ReadOnlySpan<byte> bytes)
    {
        uint value = 0;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | bytes[i];
        }

        return value;
    }
}
