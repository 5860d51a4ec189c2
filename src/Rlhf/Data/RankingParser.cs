using System.Text.Json;

namespace Rlhf.Data;

/// <summary>Reads comparisons and rankings, which are the same thing: K answers and preferences among them.</summary>
internal static class RankingParser
{
    /// <summary>The most answers of a row: K answers are K(K-1)/2 pairs, all in one batch element.</summary>
    public const int MaximumAnswers = 64;

    private const int MostShown = 9;

    public static Ranking Parse(RowFields row)
    {
        if (row.Has("responses"))
        {
            return ParseRanking(row);
        }

        if (!row.Has("chosen") || !row.Has("rejected"))
        {
            throw row.Missing("a comparison (chosen and rejected) or a ranking (responses with ranking, or with pairs and ties)");
        }

        var (prompt, chosen, rejected) = ParseComparison(row);
        IReadOnlyList<double>? margins = row.Find("margin") is { } margin ? [row.NumberOf(margin, above: false)] : null;
        return Create(row, prompt, [chosen, rejected], null, [(0, 1)], [], margins);
    }

    private static Ranking Create(
        RowFields row,
        Prompt prompt,
        IReadOnlyList<string> responses,
        IReadOnlyList<IReadOnlyList<int>>? tiers,
        IReadOnlyList<(int Better, int Worse)> pairs,
        IReadOnlyList<(int First, int Second)> ties,
        IReadOnlyList<double>? margins)
    {
        var weight = row.Find("weight") is { } value ? row.NumberOf(value, above: true) : 1;
        return new Ranking(row.Id(), prompt, responses, tiers, pairs, ties, margins, row.FindName("labeler"), weight, row.Position);
    }

    private static (Prompt Prompt, string Chosen, string Rejected) ParseComparison(RowFields row)
    {
        var (chosen, rejected) = (row.Get("chosen"), row.Get("rejected"));
        if (chosen is { Kind: JsonValueKind.Array, Items.Count: > 1 })
        {
            return ParseConversations(row, chosen, rejected);
        }

        if (row.Has("prompt") || row.Has("instruction") || row.Has("messages"))
        {
            return (PromptParser.Parse(row), DemonstrationParser.AnswerText(row, chosen), DemonstrationParser.AnswerText(row, rejected));
        }

        var (first, second) = (row.TextOf(chosen), row.TextOf(rejected));
        var shared = Transcript.SharedPrompt(first, second)
            ?? throw row.Wrong(rejected, "expected a prompt, or transcripts chosen and rejected that begin alike up to \"\\n\\nAssistant:\", found no such beginning");
        return (
            PromptParser.FromText(row, shared),
            Transcript.WithoutLeadingSpace(first[shared.Length..]),
            Transcript.WithoutLeadingSpace(second[shared.Length..]));
    }

    /// <summary>Two conversations that differ in their last message, the assistant's.</summary>
    private static (Prompt Prompt, string Chosen, string Rejected) ParseConversations(RowFields row, RowValue chosen, RowValue rejected)
    {
        var (first, second) = (PromptParser.ParseMessages(row, chosen), PromptParser.ParseMessages(row, rejected));
        if (!first[..^1].SequenceEqual(second[..^1]))
        {
            throw row.Wrong(rejected, "expected chosen and rejected to differ in their last message only, found a difference before it");
        }

        foreach (var (messages, value) in new[] { (first, chosen), (second, rejected) })
        {
            if (messages[^1].Role != "assistant")
            {
                throw row.Wrong(value.Items[^1], $"expected the assistant's message last, found one of the role {messages[^1].Role}");
            }
        }

        return (PromptParser.FromMessages(row, chosen, first[..^1]), first[^1].Content, second[^1].Content);
    }

    private static Ranking ParseRanking(RowFields row)
    {
        var prompt = PromptParser.Parse(row);
        var responses = ParseResponses(row);
        if (row.Has("ranking"))
        {
            if (row.Has("pairs") || row.Has("ties") || row.Has("margins"))
            {
                throw row.Error(row.Get("ranking"), "either ranking, or pairs with ties and margins, not both");
            }

            var tiers = ParseTiers(row, "ranking", responses.Count);
            return Create(row, prompt, responses, tiers, Tiers.Pairs(tiers), Tiers.Ties(tiers), null);
        }

        if (!row.Has("pairs") && !row.Has("ties"))
        {
            throw row.Missing("a ranking of the responses (the field ranking, or pairs and ties)");
        }

        HashSet<(int, int)> judged = [];
        var pairs = ParsePairs(row, "pairs", responses.Count, judged);
        var ties = ParsePairs(row, "ties", responses.Count, judged);
        return Create(row, prompt, responses, null, pairs, ties, ParseMargins(row, pairs.Count));
    }

    /// <summary>The answers of a row, ranked or not.</summary>
    public static List<string> ParseResponses(RowFields row)
    {
        var value = row.Get("responses");
        var responses = row.ItemsOf(value).Select(row.TextOf).ToList();
        return responses.Count is >= 2 and <= MaximumAnswers ? responses : throw row.Error(value, $"2 to {MaximumAnswers} answers");
    }

    /// <summary>A field that is a ranking: every answer once, best tier first.</summary>
    public static List<IReadOnlyList<int>> ParseTiers(RowFields row, string name, int count)
    {
        var value = row.Get(name);
        var seen = new bool[count];
        List<IReadOnlyList<int>> tiers = [];
        if (row.ItemsOf(value) is { Count: > 0 } items && items.All(item => item.Kind == JsonValueKind.Number))
        {
            throw row.Wrong(value, $"expected tiers, best first, as in {Tiered(items)}, found {Flat(items)}: is the first number the best answer's (then write the former), or the rank of answer 0?");
        }

        foreach (var tier in row.ItemsOf(value))
        {
            List<int> answers = [];
            foreach (var item in row.ItemsOf(tier))
            {
                var index = row.IndexOf(item, count);
                answers.Add(!seen[index] ? index : throw row.Wrong(item, $"expected every answer once, found {index} again"));
                seen[index] = true;
            }

            tiers.Add(answers.Count > 0 ? answers : throw row.Error(tier, "a tier with at least one answer"));
        }

        var missing = Array.IndexOf(seen, false);
        return missing < 0 ? tiers : throw row.Wrong(value, $"expected every answer in a tier, found none with answer {missing}");
    }

    private static string Tiered(IReadOnlyList<RowValue> items) => $"[{string.Join(", ", items.Take(MostShown).Select(item => $"[{item.Text}]"))}]";

    private static string Flat(IReadOnlyList<RowValue> items) => $"[{string.Join(", ", items.Take(MostShown).Select(item => item.Text))}]";

    /// <summary>Pairs of answers, none of which may have been judged before, in whichever direction.</summary>
    private static List<(int, int)> ParsePairs(RowFields row, string name, int count, HashSet<(int, int)> judged)
    {
        List<(int, int)> pairs = [];
        if (row.Find(name) is not { } value)
        {
            return pairs;
        }

        foreach (var pair in row.ItemsOf(value))
        {
            if (row.ItemsOf(pair).Count != 2)
            {
                throw row.Error(pair, "a pair of two answers");
            }

            var (first, second) = (row.IndexOf(pair.Items[0], count), row.IndexOf(pair.Items[1], count));
            if (first == second)
            {
                throw row.Wrong(pair, $"expected two different answers, found {first} twice");
            }

            if (!judged.Add((Math.Min(first, second), Math.Max(first, second))))
            {
                throw row.Wrong(pair, $"expected one judgement of the answers {first} and {second}, found a second one (as a pair, its reverse or a tie)");
            }

            pairs.Add((first, second));
        }

        return pairs;
    }

    private static List<double>? ParseMargins(RowFields row, int pairs)
    {
        if (row.Find("margins") is not { } value)
        {
            return null;
        }

        return row.ItemsOf(value).Count == pairs
            ? row.ItemsOf(value).Select(item => row.NumberOf(item, above: false)).ToList()
            : throw row.Error(value, $"a margin for each of the {pairs} pairs");
    }
}
