namespace Rlhf.Text.Grammars;

/// <summary>The tokens of a vocabulary that stand for bytes of a text, in the order of those bytes: neighbours share their beginnings. Special tokens and those
/// of no text are left out.</summary>
public sealed class TokenTable
{
    private readonly byte[][] _byId;

    /// <summary>Reads a tokenizer.</summary>
    /// <param name="tokenizer">Names the bytes.</param>
    /// <param name="vocabulary">Tokens that the model knows, as many as the tokenizer's or more.</param>
    public TokenTable(Tokenizer tokenizer, int vocabulary)
    {
        Vocabulary = vocabulary;
        _byId = [.. Enumerable.Range(0, vocabulary).Select(id => tokenizer.IsSpecial(id) ? [] : tokenizer.TokenBytes(id))];
        Ids = [.. Enumerable.Range(0, vocabulary).Where(id => _byId[id].Length > 0)
            .OrderBy(id => _byId[id], Comparer<byte[]>.Create(static (one, other) => one.AsSpan().SequenceCompareTo(other)))];
        Shared = new int[Ids.Length];
        for (var i = 1; i < Ids.Length; i++)
        {
            Shared[i] = _byId[Ids[i]].AsSpan().CommonPrefixLength(_byId[Ids[i - 1]]);
        }

        Longest = _byId.Max(static bytes => bytes.Length);
    }

    /// <summary>Tokens that the model knows.</summary>
    public int Vocabulary { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int Longest { get; }

    /// <summary>Ids in the order of their bytes.</summary>
    internal int[] Ids { get; }

    /// <summary>How many bytes each has in common with the one before.</summary>
    internal int[] Shared { get; }

    /// <summary>The bytes of a token; none for special ones.</summary>
    internal ReadOnlySpan<byte> BytesOf(int id) => _byId[id];
}
