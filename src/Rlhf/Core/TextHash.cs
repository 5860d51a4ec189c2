using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Rlhf.Core;

/// <summary>A text's name of 16 bytes: sets of millions of texts hold these instead. Two texts of one name are not to be met by chance, nor found on
/// purpose.</summary>
internal static class TextHash
{
    /// <summary>The first 16 bytes of the SHA-256 of the text's UTF-16.</summary>
    public static UInt128 Of(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan()), hash);
        return MemoryMarshal.Read<UInt128>(hash);
    }
}
