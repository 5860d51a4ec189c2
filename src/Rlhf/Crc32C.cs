using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Rlhf;

/// <summary>CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as TFRecord files use it. It notices every flipped bit and is read at memory's speed.</summary>
internal static class Crc32C
{
    /// <summary>The checksum of these bytes after others, whose checksum is <paramref name="before"/>.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes, uint before = 0)
    {
        var crc = ~before;
        var whole = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var eight in whole)
        {
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? eight : BinaryPrimitives.ReverseEndianness(eight));
        }

        foreach (var one in bytes[(whole.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }

    /// <summary>The checksum as TFRecord stores it: rotated and shifted, so that checksums of checksums do not cancel.</summary>
    public static uint Masked(ReadOnlySpan<byte> bytes)
    {
        var crc = Compute(bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8u);
    }

    /// <summary>The checksum of a file.</summary>
    /// <exception cref="InputException">It is a pipe or device, or cannot be read.</exception>
    public static uint OfFile(string path)
    {
        using var stream = WholeFile.OpenEvenEmpty(path);
        var buffer = new byte[1 << 20];
        var crc = 0u;
        int read;
        while ((read = stream.Read(buffer)) > 0)
        {
            crc = Compute(buffer.AsSpan(0, read), crc);
        }

        return crc;
    }

    /// <summary>Eight hexadecimal digits.</summary>
    public static string ToText(uint crc) => crc.ToString("x8", CultureInfo.InvariantCulture);
}
