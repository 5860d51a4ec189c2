using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Rlhf.Labelers.Store;

/// <summary>
/// Secrets that let somebody in: 256 random bits. Only the SHA-256 is stored; nothing slower is needed, as there is no dictionary of such secrets to try.
/// </summary>
public static class AccessToken
{
    /// <summary>A new token, to be shown once.</summary>
    public static string Create() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>What is stored of a token: its SHA-256 as hexadecimal digits.</summary>
    public static string HashOf(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    /// <summary>Whether a token is the one, in a time that does not tell how much of it is right.</summary>
    public static bool Matches(string token, string expected) =>
        CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(token)), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));
}
