namespace Rlhf.Text;

/// <summary>SentencePiece has scores where BPE has merges: of all neighbours that make a piece together, those with the best score are joined first.</summary>
internal static class SentencePieceMerges
{
    /// <summary>The same as merges: every way to make a piece of two others, by falling score; of ways to the same piece the one with the longer left part
    /// first.</summary>
    public static IEnumerable<string> Of(GgufVocabulary vocabulary)
    {
        var ids = new Dictionary<string, int>(vocabulary.Tokens.Length, StringComparer.Ordinal);
        for (var id = 0; id < vocabulary.Tokens.Length; id++)
        {
            if (vocabulary.TypeOf(id) == GgufVocabulary.Normal)
            {
                ids.TryAdd(vocabulary.Tokens[id], id);
            }
        }

        var lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var (token, _) in ids.OrderByDescending(pair => vocabulary.Scores![pair.Value]).ThenBy(pair => pair.Value))
        {
            if (token.Length > Limits.AddedToken)
            {
                continue; // no text makes it step by step: pieces in use have some dozen characters
            }

            for (var cut = token.Length - 1; cut > 0; cut--)
            {
                if (!char.IsLowSurrogate(token[cut]) && lookup.ContainsKey(token.AsSpan(0, cut)) && lookup.ContainsKey(token.AsSpan(cut)))
                {
                    yield return $"{token[..cut]} {token[cut..]}";
                }
            }
        }
    }
}
