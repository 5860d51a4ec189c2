namespace Rlhf.Text.Grammars;

/// <summary>All ways to read the text so far.</summary>
/// <param name="frames">Each way's frame; null where the text is whole. In the order of their numbers.</param>
internal sealed class GrammarState(Frame?[] frames)
{
    public Frame?[] Frames => frames;

    /// <summary>What comes of each byte, as far as it is known.</summary>
    public GrammarState?[]? Next { get; set; }

    /// <summary>A bit for each token that may come, as far as it is known.</summary>
    public ulong[]? Tokens { get; set; }

    /// <summary>Whether the text may end here.</summary>
    public bool MayEnd { get; } = frames.Any(Ends);

    /// <summary>Whether nothing can be read on.</summary>
    public bool IsOver => frames.All(static frame => frame is null);

    private static bool Ends(Frame? frame)
    {
        while (frame is { CanEnd: true })
        {
            frame = frame.Below;
        }

        return frame is null;
    }

    /// <summary>States with the same frames are one.</summary>
    internal sealed class SameFrames : IEqualityComparer<Frame?[]>
    {
        public bool Equals(Frame?[]? x, Frame?[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(Frame?[] frames)
        {
            var hash = new HashCode();
            foreach (var frame in frames)
            {
                hash.Add(frame?.Id ?? -1);
            }

            return hash.ToHashCode();
        }
    }
}
