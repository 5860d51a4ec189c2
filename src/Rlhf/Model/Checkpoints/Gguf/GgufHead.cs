namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>The language head of a GGUF file.</summary>
internal static class GgufHead
{
    public const string Embedding = "token_embd.weight";
    public const string Name = "output.weight";

    private const int Part = 1 << 20;

    /// <summary>Whether the head is the token embedding: it is absent, or (as older converters wrote it) there again with the same bytes.</summary>
    public static bool IsTied(GgufFile file)
    {
        if (file.Find(Name) is not { } head)
        {
            return true;
        }

        if (file.Find(Embedding) is not { } embedding || head.Type != embedding.Type || head.ByteLength != embedding.ByteLength)
        {
            return false;
        }

        using var first = FileParts.Open(embedding.Path);
        using var second = FileParts.Open(head.Path);
        var (ours, theirs) = (new byte[Math.Min(Part, head.ByteLength)], new byte[Math.Min(Part, head.ByteLength)]);
        for (var done = 0L; done < head.ByteLength; done += Part)
        {
            var count = (int)Math.Min(Part, head.ByteLength - done);
            FileParts.Read(embedding.Path, first, embedding.Offset + done, ours.AsSpan(0, count));
            FileParts.Read(head.Path, second, head.Offset + done, theirs.AsSpan(0, count));
            if (!ours.AsSpan(0, count).SequenceEqual(theirs.AsSpan(0, count)))
            {
                return false;
            }
        }

        return true;
    }
}
