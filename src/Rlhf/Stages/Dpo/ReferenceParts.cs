using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Rlhf.Stages.Dpo;

/// <summary>Parts of the reference's pass, a file each, so that a stage which dies in it goes on behind the last one. The bytes of a file are its float32
/// numbers and their CRC-32C; one that is damaged is measured again.</summary>
/// <param name="folder">Where they stand.</param>
internal sealed class ReferenceParts(string folder)
{
    private const int ChecksumBytes = sizeof(uint);

    /// <summary>A part: as it was kept, or measured now and kept.</summary>
    /// <param name="number">Its number from 0.</param>
    /// <param name="count">Its numbers.</param>
    /// <param name="measure">Measures it.</param>
    /// <exception cref="InputException">The part that was kept cannot be read.</exception>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public float[] Of(int number, int count, Func<float[]> measure)
    {
        var path = Path.Combine(folder, FormattableString.Invariant($"{number:000000}.f32"));
        if (Kept(path, count) is { } kept)
        {
            return kept;
        }

        var values = measure();
        Change(folder, static folder => Directory.CreateDirectory(folder));
        DurableFiles.WriteAtomically(path, stream =>
        {
            var bytes = MemoryMarshal.AsBytes(values.AsSpan());
            Span<byte> checksum = stackalloc byte[ChecksumBytes];
            BinaryPrimitives.WriteUInt32LittleEndian(checksum, Crc32C.Compute(bytes));
            stream.Write(bytes);
            stream.Write(checksum);
        });
        return values;
    }

    /// <summary>Removes all of them, once the whole is written.</summary>
    public static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Change(folder, static folder => Directory.Delete(folder, recursive: true));
        }
    }

    private static void Change(string folder, Action<string> change)
    {
        try
        {
            change(folder);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(folder, exception);
        }
    }

    private static float[]? Kept(string path, int count)
    {
        var length = ((long)count * sizeof(float)) + ChecksumBytes;
        if (!File.Exists(path) || new FileInfo(path).Length != length)
        {
            return null;
        }

        var bytes = WholeFile.Bytes(path, length);
        var values = bytes.AsSpan(0, bytes.Length - ChecksumBytes);
        var checksum = bytes.AsSpan(values.Length);
        return BinaryPrimitives.ReadUInt32LittleEndian(checksum) == Crc32C.Compute(values) ? MemoryMarshal.Cast<byte, float>(values).ToArray() : null;
    }
}
