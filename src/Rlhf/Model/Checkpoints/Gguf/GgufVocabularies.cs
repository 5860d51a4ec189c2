using Rlhf.Text;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>A tokenizer in a GGUF file's metadata.</summary>
internal static class GgufVocabularies
{
    /// <summary>Reads it; null where the file has none.</summary>
    /// <param name="file">The file.</param>
    /// <param name="rows">Rows of the embedding: ids must be below.</param>
    /// <exception cref="InputException">It is damaged, or asks for something that is not implemented.</exception>
    public static GgufVocabulary? Read(GgufFile file, int rows)
    {
        var metadata = file.Metadata;
        if (metadata.Text(GgufKeys.TokenizerModel) is not { } kind || kind == GgufKeys.NoVocabulary)
        {
            return null;
        }

        if (kind is not (GgufVocabulary.BytePairs or GgufVocabulary.SentencePiece))
        {
            throw metadata.Refuse(GgufKeys.TokenizerModel, $"is not implemented: it must be {GgufVocabulary.BytePairs} or {GgufVocabulary.SentencePiece}");
        }

        var tokens = metadata.Texts(GgufKeys.Tokens) ?? throw metadata.Refuse(GgufKeys.Tokens, "is missing");
        if (tokens.Length > rows || tokens.Length == 0)
        {
            throw metadata.Refuse(GgufKeys.Tokens, FormattableString.Invariant($"has {tokens.Length} tokens, but the embedding has {rows} rows"));
        }

        var isSentencePiece = kind == GgufVocabulary.SentencePiece;
        var pre = metadata.Text(GgufKeys.TokenizerPre);
        if (!isSentencePiece && pre is not null && GgufSplits.Find(pre) is null)
        {
            throw metadata.Refuse(GgufKeys.TokenizerPre, $"is not implemented: it must be one of {string.Join(", ", GgufSplits.Names)}");
        }

        var types = metadata.WholeNumbers(GgufKeys.TokenTypes);
        var scores = metadata.Numbers(GgufKeys.Scores);
        RequireAsMany(metadata, GgufKeys.TokenTypes, types?.Length, tokens.Length);
        RequireAsMany(metadata, GgufKeys.Scores, scores?.Length, tokens.Length);
        if (scores?.Any(double.IsNaN) == true)
        {
            throw metadata.Refuse(GgufKeys.Scores, "has a score that is not a number");
        }

        return new GgufVocabulary
        {
            Kind = kind,
            Pre = pre ?? GgufSplits.Default,
            Tokens = tokens,
            Types = types,
            Scores = isSentencePiece ? scores ?? throw metadata.Refuse(GgufKeys.Scores, "is missing") : scores,
            Merges = isSentencePiece ? [] : metadata.Texts(GgufKeys.Merges) ?? throw metadata.Refuse(GgufKeys.Merges, "is missing"),
            Beginning = Id(metadata, GgufKeys.Beginning, tokens.Length),
            End = Id(metadata, GgufKeys.End, tokens.Length),
            EndOfTurn = Id(metadata, GgufKeys.EndOfTurn, tokens.Length),
            Unknown = Id(metadata, GgufKeys.Unknown, tokens.Length),
            Padding = Id(metadata, GgufKeys.Padding, tokens.Length),
            AddsBeginning = metadata.Flag(GgufKeys.AddBeginning, isSentencePiece || GgufSplits.Find(pre ?? GgufSplits.Default)!.AddsBeginning),
            AddsEnd = metadata.Flag(GgufKeys.AddEnd, false),
            AddsSpace = metadata.Flag(GgufKeys.AddSpace, isSentencePiece),
            ChatTemplate = metadata.Text(GgufKeys.ChatTemplate),
        };
    }

    private static int? Id(GgufMetadata metadata, string key, int tokens)
    {
        if (!metadata.Has(key))
        {
            return null;
        }

        var id = metadata.Count(key);
        return id < tokens ? id : throw metadata.Refuse(key, FormattableString.Invariant($"is outside of the vocabulary of {tokens}"));
    }

    private static void RequireAsMany(GgufMetadata metadata, string key, int? count, int tokens)
    {
        if (count is { } found && found != tokens)
        {
            throw metadata.Refuse(key, FormattableString.Invariant($"has {found} items for {tokens} tokens"));
        }
    }
}
