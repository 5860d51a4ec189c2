using System.Text;
using System.Text.Json;

namespace Rlhf.Core;

/// <summary>
/// JSON objects that end with their own checksum: <c>"crc32c"</c>, of all bytes before it. A byte that was changed, by a disk or by hand, is noticed when the
/// object is read.
/// </summary>
internal static class CheckedJson
{
    private const string Key = "\"crc32c\"";

    /// <summary>The object as JSON with its checksum; a line feed ends it.</summary>
    public static byte[] ToBytes<T>(T value, JsonSerializerOptions json)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(value, json);
        var body = text.AsSpan(0, text.Length - (json.WriteIndented ? "\n}" : "}").Length);
        return [.. body, .. EndOf(body, json)];
    }

    /// <summary>Replaces a file by the object.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public static void Write<T>(string path, T value, JsonSerializerOptions json)
    {
        var bytes = ToBytes(value, json);
        DurableFiles.WriteAtomically(path, stream => stream.Write(bytes));
    }

    /// <summary>Reads an object that <see cref="Write"/> wrote.</summary>
    /// <exception cref="InputException">It is absent, unreadable, damaged or something else.</exception>
    public static T Read<T>(string path, JsonSerializerOptions json)
    {
        var bytes = WholeFile.Bytes(path, Limits.RunFile);
        return IsWhole(bytes, json)
            ? Parse<T>(path, bytes, json)
            : throw new InputException($"{path} is damaged or was changed: the checksum at its end is not that of what stands before it.");
    }

    /// <summary>The same for files that older versions wrote without a checksum, which are taken as they are.</summary>
    public static T ReadEvenUnchecked<T>(string path, JsonSerializerOptions json)
    {
        var bytes = WholeFile.Bytes(path, Limits.RunFile);
        return bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Key)) < 0 ? Parse<T>(path, bytes, json) : Read<T>(path, json);
    }

    /// <summary>Whether bytes end with the checksum of what stands before it.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> bytes, JsonSerializerOptions json)
    {
        var length = bytes.Length - EndOf([], json).Length;
        return length > 0 && bytes[length..].SequenceEqual(EndOf(bytes[..length], json));
    }

    /// <summary>The object that bytes hold, with or without a checksum.</summary>
    /// <exception cref="JsonException">They hold something else.</exception>
    public static T Parse<T>(ReadOnlySpan<byte> bytes, JsonSerializerOptions json)
    {
        return JsonSerializer.Deserialize<T>(WithoutChecksum(bytes, json), json) ?? throw new JsonException("expected an object, found null");
    }

    private static T Parse<T>(string path, byte[] bytes, JsonSerializerOptions json) =>
        StrictJson.Read<T>(path, WithoutChecksum(bytes, json), json, "not what this program writes there");

    // The checksum belongs to no member.
    private static byte[] WithoutChecksum(ReadOnlySpan<byte> bytes, JsonSerializerOptions json) =>
        IsWhole(bytes, json) ? [.. bytes[..^EndOf([], json).Length], (byte)'}'] : bytes.ToArray();

    private static byte[] EndOf(ReadOnlySpan<byte> body, JsonSerializerOptions json)
    {
        var checksum = Crc32C.ToText(Crc32C.Compute(body));
        return Encoding.UTF8.GetBytes(json.WriteIndented ? $",\n  {Key}: \"{checksum}\"\n}}\n" : $",{Key}:\"{checksum}\"}}\n");
    }
}
