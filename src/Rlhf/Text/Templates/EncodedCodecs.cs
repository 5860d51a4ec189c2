namespace Rlhf.Text.Templates;

/// <summary>What training needs of a row, as bytes: token ids take two or three each, and answers to one prompt store it once.</summary>
internal static class EncodedCodecs
{
    /// <summary>Sequences.</summary>
    public static RowCodec<EncodedSequence> Sequence { get; } =
        new(static (writer, row) => Write(writer, row, []), static reader => ReadSequence(reader, []));

    /// <summary>Rankings with their answers.</summary>
    public static RowCodec<EncodedRanking> Ranking { get; } = new(Write, ReadRanking);

    /// <summary>Prompts with their text.</summary>
    public static RowCodec<EncodedPrompt> Prompt { get; } = new(
        static (writer, row) =>
        {
            writer.Write(row.RowId);
            writer.Write(row.PromptText);
            WriteTokens(writer, row.Tokens, []);
            writer.Write(row.Truncated);
        },
        static reader => new EncodedPrompt(reader.ReadString(), reader.ReadString(), ReadTokens(reader, []), reader.ReadBoolean()));

    /// <summary>Token ids alone.</summary>
    public static RowCodec<int[]> Tokens { get; } = new(static (writer, tokens) => WriteTokens(writer, tokens, []), static reader => ReadTokens(reader, []));

    private static void Write(BinaryWriter writer, EncodedSequence row, ReadOnlySpan<int> like)
    {
        WriteTokens(writer, row.Tokens, like);
        writer.Write7BitEncodedInt(row.PromptLength);
        writer.Write(row.RowId);
        writer.Write(row.Truncated);
        writer.Write(row.TrainOn is not null);
        if (row.TrainOn is { } trained)
        {
            writer.Write7BitEncodedInt(trained.Length);
            foreach (var flag in trained)
            {
                writer.Write(flag);
            }
        }
    }

    private static EncodedSequence ReadSequence(BinaryReader reader, ReadOnlySpan<int> like)
    {
        var tokens = ReadTokens(reader, like);
        var (prompt, id, isTruncated) = (reader.Read7BitEncodedInt(), reader.ReadString(), reader.ReadBoolean());
        bool[]? trained = reader.ReadBoolean() ? ReadArray(reader, static reader => reader.ReadBoolean()) : null;
        return new EncodedSequence(tokens, prompt, trained, id, isTruncated);
    }

    private static void Write(BinaryWriter writer, EncodedRanking row)
    {
        writer.Write(row.RowId);
        writer.Write(row.PromptText);
        writer.Write(row.SplitKey == row.PromptText ? "" : row.SplitKey);
        writer.Write7BitEncodedInt(row.Answers.Length);
        for (var i = 0; i < row.Answers.Length; i++)
        {
            Write(writer, row.Answers[i], i == 0 ? [] : row.Answers[0].Tokens);
        }

        WritePairs(writer, row.Pairs);
        WritePairs(writer, row.Ties);
        writer.Write(row.Weight);
        writer.Write(row.Labeler is not null);
        writer.Write(row.Labeler ?? "");
        writer.Write(row.Margins is not null);
        foreach (var margin in row.Margins ?? [])
        {
            writer.Write(margin);
        }
    }

    private static EncodedRanking ReadRanking(BinaryReader reader)
    {
        var (id, text, key) = (reader.ReadString(), reader.ReadString(), reader.ReadString());
        var answers = new EncodedSequence[reader.Read7BitEncodedInt()];
        for (var i = 0; i < answers.Length; i++)
        {
            answers[i] = ReadSequence(reader, i == 0 ? [] : answers[0].Tokens);
        }

        var (pairs, ties, weight) = (ReadPairs(reader), ReadPairs(reader), reader.ReadDouble());
        var (hasLabeler, labeler) = (reader.ReadBoolean(), reader.ReadString());
        double[]? margins = reader.ReadBoolean() ? [.. pairs.Select(_ => reader.ReadDouble())] : null;
        return new EncodedRanking(id, text, answers, pairs, ties, weight, hasLabeler ? labeler : null, margins)
        {
            SplitKey = key.Length > 0 ? key : text,
        };
    }

    /// <summary>How many tokens there are, how many of them another row begins with, and the others.</summary>
    private static void WriteTokens(BinaryWriter writer, int[] tokens, ReadOnlySpan<int> like)
    {
        var shared = tokens.AsSpan().CommonPrefixLength(like);
        writer.Write7BitEncodedInt(tokens.Length);
        writer.Write7BitEncodedInt(shared);
        foreach (var token in tokens.AsSpan(shared))
        {
            writer.Write7BitEncodedInt(token);
        }
    }

    private static int[] ReadTokens(BinaryReader reader, ReadOnlySpan<int> like)
    {
        var tokens = new int[reader.Read7BitEncodedInt()];
        var shared = reader.Read7BitEncodedInt();
        like[..shared].CopyTo(tokens);
        for (var i = shared; i < tokens.Length; i++)
        {
            tokens[i] = reader.Read7BitEncodedInt();
        }

        return tokens;
    }

    private static void WritePairs(BinaryWriter writer, IReadOnlyList<(int, int)> pairs)
    {
        writer.Write7BitEncodedInt(pairs.Count);
        foreach (var (first, second) in pairs)
        {
            writer.Write7BitEncodedInt(first);
            writer.Write7BitEncodedInt(second);
        }
    }

    private static (int, int)[] ReadPairs(BinaryReader reader) =>
        ReadArray(reader, static reader => (reader.Read7BitEncodedInt(), reader.Read7BitEncodedInt()));

    private static TItem[] ReadArray<TItem>(BinaryReader reader, Func<BinaryReader, TItem> read)
    {
        var items = new TItem[reader.Read7BitEncodedInt()];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = read(reader);
        }

        return items;
    }
}
