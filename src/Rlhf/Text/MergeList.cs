using System.Text;

namespace Rlhf.Text;

/// <summary>Reads merges: pairs of tokens, the most important first.</summary>
internal static class MergeList
{
    /// <summary>Reads <c>["a b", ...]</c> or <c>[["a", "b"], ...]</c>.</summary>
    public static Dictionary<long, BytePairModel.Merge> FromJson(PlacedJson json, Vocabulary vocabulary)
    {
        var merges = new Dictionary<long, BytePairModel.Merge>();
        foreach (var item in json.Items())
        {
            var parts = item.Element.ValueKind == System.Text.Json.JsonValueKind.Array
                ? [.. item.Items().Select(part => part.Text())]
                : item.Text().Split(' ');
            if (Add(merges, parts, vocabulary) is { } problem)
            {
                throw item.Refuse(problem);
            }
        }

        return merges;
    }

    /// <summary>Reads merges.txt: one pair a line; a first line that begins with <c>#version</c> is a comment.</summary>
    public static Dictionary<long, BytePairModel.Merge> FromText(string file, byte[] content, Vocabulary vocabulary)
    {
        var merges = new Dictionary<long, BytePairModel.Merge>();
        string[] lines;
        try
        {
            lines = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content).Split('\n');
        }
        catch (DecoderFallbackException exception)
        {
            throw new InputException(FormattableString.Invariant($"{file}: byte {exception.Index} is not valid UTF-8"), exception);
        }

        for (var number = 1; number <= lines.Length; number++)
        {
            var line = lines[number - 1].TrimEnd('\r');
            var isComment = number == 1 && line.StartsWith("#version", StringComparison.Ordinal);
            if (!isComment && line.Length > 0 && Add(merges, line.Split(' '), vocabulary) is { } problem)
            {
                throw InputException.At(file, number, 1, problem);
            }
        }

        return merges;
    }

    /// <summary>Adds a merge; what is wrong with it, or null.</summary>
    private static string? Add(Dictionary<long, BytePairModel.Merge> merges, string[] parts, Vocabulary vocabulary)
    {
        if (parts.Length != 2 || parts.Any(part => part.Length == 0))
        {
            return "a merge is two tokens, such as \"h e\"";
        }

        if (vocabulary.Find(parts[0]) is not { } left)
        {
            return $"the merge names \"{parts[0]}\", which the vocabulary lacks";
        }

        if (vocabulary.Find(parts[1]) is not { } right)
        {
            return $"the merge names \"{parts[1]}\", which the vocabulary lacks";
        }

        if (vocabulary.Find(parts[0] + parts[1]) is not { } whole)
        {
            return $"the merge makes \"{parts[0] + parts[1]}\", which the vocabulary lacks";
        }

        return merges.TryAdd(BytePairModel.Pair(left, right), new BytePairModel.Merge(merges.Count, whole))
            ? null
            : $"the merge of \"{parts[0]}\" and \"{parts[1]}\" stands twice";
    }
}
