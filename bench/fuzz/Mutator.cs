using System.Buffers.Binary;
using System.Text;

namespace Fuzz;

/// <summary>Changes an input by what its files are: JSON by its values, text by its words, anything by its bytes.</summary>
public static class Mutator
{
    private const int LongestFile = 1 << 20;

    /// <summary>A case with one to four changes, all drawn from <paramref name="random"/>.</summary>
    public static FuzzCase Change(FuzzCase seed, FuzzRandom random, IReadOnlyList<string> words)
    {
        var files = seed.Files.ToDictionary();
        var changes = new List<string>();
        for (var left = 1 + random.Below(4); left > 0; left--)
        {
            var name = random.Of([.. files.Keys.Order(StringComparer.Ordinal)]);
            var (content, what) = ChangeFile(name, files[name], random, words);
            files[name] = content.Length <= LongestFile ? content : content[..LongestFile];
            changes.Add($"{name}: {what}");
        }

        return new FuzzCase(files) { Changes = string.Join("; ", changes) };
    }

    private static (byte[] Content, string What) ChangeFile(string name, byte[] content, FuzzRandom random, IReadOnlyList<string> words)
    {
        var extension = Path.GetExtension(name);
        if (extension == ".safetensors" && !random.OneIn(3))
        {
            return ChangeHeader(content, random);
        }

        if (extension is ".json" or ".jsonl" && !random.OneIn(4))
        {
            return (JsonMutator.Change(content, random, extension == ".jsonl"), "JSON");
        }

        return extension is ".json" or ".jsonl" or ".txt" or ".yaml" or ".jinja" or ".set" && !random.OneIn(4)
            ? (ChangeWords(content, random, words), "words")
            : (ChangeBytes(content, random), "bytes");
    }

    /// <summary>Changes bytes: a bit, a value, a piece.</summary>
    public static byte[] ChangeBytes(byte[] content, FuzzRandom random)
    {
        if (content.Length == 0)
        {
            return [(byte)random.Below(256)];
        }

        var bytes = content.ToList();
        var at = random.Below(bytes.Count);
        var length = Math.Min(1 + random.Below(random.OneIn(3) ? 256 : 8), bytes.Count - at);
        switch (random.Below(7))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Below(8));
                break;
            case 1:
                bytes[at] = random.Of<byte>([0, 1, 0x7F, 0x80, 0xFF, (byte)'\n', (byte)'"', (byte)random.Below(256)]);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(at, bytes.GetRange(at, length));
                break;
            case 4:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 5:
                bytes.InsertRange(random.Below(bytes.Count), bytes.GetRange(at, length));
                break;
            default:
                bytes.InsertRange(at, Enumerable.Repeat((byte)random.Below(256), 1 + random.Below(random.OneIn(20) ? 5_000 : 20)));
                break;
        }

        return [.. bytes];
    }

    private static byte[] ChangeWords(byte[] content, FuzzRandom random, IReadOnlyList<string> words)
    {
        var text = Encoding.UTF8.GetString(content);
        var at = random.Below(text.Length + 1);
        var end = at + Math.Min(random.Below(12), text.Length - at);
        var word = words.Count > 0 ? random.Of(words) : random.Of(JsonMutator.Texts);
        text = random.Below(5) switch
        {
            0 => text[..at] + word + text[at..],
            1 => text[..at] + word + text[end..],
            2 => text[..at] + text[end..],
            3 => text[..at] + string.Concat(Enumerable.Repeat(text[at..end], 1 + random.Below(random.OneIn(10) ? 2_000 : 6))) + text[end..],
            _ => Swapped(text, random),
        };
        return Encoding.UTF8.GetBytes(text);
    }

    private static string Swapped(string text, FuzzRandom random)
    {
        var lines = text.Split('\n');
        var (one, other) = (random.Below(lines.Length), random.Below(lines.Length));
        (lines[one], lines[other]) = (lines[other], lines[one]);
        return string.Join('\n', lines);
    }

    // A header that is still as long as it says reaches the checks behind the first one.
    private static (byte[] Content, string What) ChangeHeader(byte[] content, FuzzRandom random)
    {
        if (content.Length < 8 || BinaryPrimitives.ReadUInt64LittleEndian(content) is var length && length > (ulong)content.Length - 8)
        {
            return (ChangeBytes(content, random), "bytes");
        }

        var header = JsonMutator.Change(content[8..(8 + (int)length)], random, lines: false);
        var changed = new byte[8 + header.Length + content.Length - 8 - (int)length];
        BinaryPrimitives.WriteUInt64LittleEndian(changed, (ulong)header.Length);
        header.CopyTo(changed, 8);
        content.AsSpan(8 + (int)length).CopyTo(changed.AsSpan(8 + header.Length));
        return (changed, "header");
    }
}
