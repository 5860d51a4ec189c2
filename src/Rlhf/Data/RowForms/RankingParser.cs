using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>Reads comparisons and rankings, which are the same thing: K answers and preferences among them.</summary>
internal static class RankingParser
{
    /// <summary>The most answers of a row: K answers are K(K-1)/2 pairs, all in one batch element.</summary>
    public const int MaximumAnswers = 64;

    private const int MostShown = 9;

    /// <summary>Names of scores beside chosen and rejected, in pairs.</summary>
    private static readonly string[] ScoresBeside =
        ["score_chosen", "score_rejected", "chosen_score", "rejected_score", "chosen_rating", "rejected_rating", "chosen-rating", "rejected-rating"];

    /// <summary>Whether a row is a comparison or a ranking, by its fields.</summary>
    public static bool Fits(RowFields row) => row.Has("responses") || HasPair(row) || ComparisonForms.Of(row) is not null;

    public static Ranking Parse(RowFields row)
    {
        if (row.Has("responses"))
        {
            return ParseRanking(row);
        }

        if (HasPair(row))
        {
            return ParsePair(row);
        }

        return ComparisonForms.Of(row) is { } parse
            ? parse(row)
            : throw row.Missing("a comparison (chosen and rejected) or a ranking (responses with ranking, or with pairs and ties)");
    }

    /// <summary>A comparison whose better answer is known.</summary>
    public static Ranking OfPair(RowFields row, Prompt prompt, Message chosen, Message rejected)
    {
        IReadOnlyList<double>? margins = row.Find("margin") is { } margin ? [row.NumberOf(margin, above: false)] : null;
        return Create(row, prompt, [chosen, rejected], null, [(0, 1)], [], margins);
    }

    /// <summary>Answers in tiers, best first.</summary>
    public static Ranking OfTiers(RowFields row, Prompt prompt, IReadOnlyList<Message> answers, IReadOnlyList<IReadOnlyList<int>> tiers) =>
        Create(row, prompt, answers, tiers, Tiers.Pairs(tiers), Tiers.Ties(tiers), null);

    private static bool HasPair(RowFields row) => row.Has("chosen") && row.Has("rejected");

    private static Ranking Create(
        RowFields row,
        Prompt prompt,
        IReadOnlyList<Message> answers,
        IReadOnlyList<IReadOnlyList<int>>? tiers,
        IReadOnlyList<(int Better, int Worse)> pairs,
        IReadOnlyList<(int First, int Second)> ties,
        IReadOnlyList<double>? margins)
    {
        if (answers.FirstOrDefault(answer => !answer.IsTrained) is not null)
        {
            throw row.Missing("answers to compare, none of them with a weight of 0 or not to be trained on");
        }

        var weight = row.Find("weight") is { } value ? row.NumberOf(value, above: true) : 1;
        return new Ranking(
            row.Id(), prompt, [.. answers.Select(answer => answer.Content)], tiers, pairs, ties, margins, row.FindName("labeler"), weight, row.Position)
        {
            Turns = answers.Any(answer => answer.OtherFields is not null) ? answers : null,
        };
    }

    private static Ranking ParsePair(RowFields row)
    {
        var (prompt, chosen, rejected) = ParseComparison(row);
        foreach (var name in ScoresBeside.Chunk(2).Where(pair => pair.All(row.Has)).SelectMany(static pair => pair))
        {
            row.Find(name); // DataReader names what they contradict. One alone is a score that nothing reads.
        }

        return OfPair(row, prompt, chosen, rejected);
    }

    /// <summary>What scores beside chosen and rejected say about the pair; null where there are none, or where they agree with it.</summary>
    public static string? ContradictionOf(RowFields row)
    {
        for (var i = 0; i < ScoresBeside.Length; i += 2)
        {
            if (row.Peek(ScoresBeside[i]) is { } chosen && row.Peek(ScoresBeside[i + 1]) is { } rejected)
            {
                var difference = row.ScoreOf(chosen) - row.ScoreOf(rejected);
                return difference > 0 ? null : difference < 0 ? "chosen has the lower score" : "chosen and rejected have the same score";
            }
        }

        return null;
    }

    private static (Prompt Prompt, Message Chosen, Message Rejected) ParseComparison(RowFields row)
    {
        var (chosen, rejected) = (row.Get("chosen"), row.Get("rejected"));
        if (chosen is { Kind: JsonValueKind.Array, Items.Count: > 1 } || rejected is { Kind: JsonValueKind.Array, Items.Count: > 1 })
        {
            var conversations = ParseConversations(row, "chosen", "rejected");
            RequireRepeated(row, MessageParser.ParseAll(row, chosen, "chosen"));
            return conversations;
        }

        if (row.Has("prompt") || row.Has("instruction") || PromptParser.ConversationOf(row) is not null)
        {
            return (PromptParser.Parse(row), MessageParser.ParseAnswer(row, chosen, "chosen"), MessageParser.ParseAnswer(row, rejected, "rejected"));
        }

        if (row.Has("question"))
        {
            return (PromptParser.FromText(row, row.Get("question"), row.TextOf(row.Get("question"))), MessageParser.ParseAnswer(row, chosen,
                "chosen"), MessageParser.ParseAnswer(row, rejected, "rejected"));
        }

        return ParseTranscripts(row, chosen, rejected);
    }

    private static (Prompt Prompt, Message Chosen, Message Rejected) ParseTranscripts(RowFields row, RowValue chosen, RowValue rejected)
    {
        var (first, second) = (row.TextOf(chosen), row.TextOf(rejected));
        var shared = Transcript.SharedPrompt(first, second)
            ?? throw row.Wrong(
                rejected, "expected a prompt, or transcripts chosen and rejected that begin alike up to \"\\n\\nAssistant:\", found no such beginning");
        return (PromptParser.FromText(row, chosen, shared), AnswerAfter(row, chosen, shared), AnswerAfter(row, rejected, shared));
    }

    private static Message AnswerAfter(RowFields row, RowValue transcript, string shared)
    {
        var answer = Transcript.WithoutLeadingSpace(transcript.Text[shared.Length..]);
        if (Transcript.HoldsTurn(answer))
        {
            throw row.Wrong(transcript, "expected transcripts that differ in their last answer only, found another turn behind the place where they part");
        }

        return Transcript.MistypedMark(transcript.Text) is { } word
            ? throw row.Wrong(transcript, $"expected turns that begin with Human:, Assistant: or System:, found \"{word}:\"")
            : Message.FromAssistant(answer);
    }

    /// <summary>The prompt and the answers of two conversations that differ in their last message, the assistant's.</summary>
    public static (Prompt Prompt, Message First, Message Second) ParseConversations(RowFields row, string firstName, string secondName)
    {
        var (chosen, rejected) = (row.Get(firstName), row.Get(secondName));
        var (first, second) = (MessageParser.ParseAll(row, chosen, firstName), MessageParser.ParseAll(row, rejected, secondName));
        if (!first[..^1].SequenceEqual(second[..^1]))
        {
            throw row.Wrong(rejected, $"expected {firstName} and {secondName} to differ in their last message only, found a difference before it");
        }

        foreach (var (messages, value) in new[] { (first, chosen), (second, rejected) })
        {
            if (messages[^1].Role != "assistant")
            {
                throw row.Wrong(value.Items[^1], $"expected the assistant's message last, found one of the role {messages[^1].Role}");
            }
        }

        return (PromptParser.FromMessages(row, chosen, first[..^1]), first[^1], second[^1]);
    }

    /// <summary>A prompt beside whole conversations is in them already (UltraFeedback): then it is not read twice, else it would fall away.</summary>
    private static void RequireRepeated(RowFields row, List<Message> chosen)
    {
        foreach (var name in new[] { "prompt", "messages", "conversations" })
        {
            if (row.Find(name) is { } value && !Repeats(row, value, name, chosen))
            {
                throw row.Wrong(value, $"expected {name} to be the beginning of the conversations chosen and rejected, found that they do not hold it");
            }
        }
    }

    private static bool Repeats(RowFields row, RowValue value, string name, List<Message> chosen) => value.Kind == JsonValueKind.Array
        ? MessageParser.ParseAll(row, value, name) is var messages && messages.Count <= chosen.Count && messages.SequenceEqual(chosen[..messages.Count])
        : chosen.Any(message => message.Role == "user" && message.Content.Trim() == row.TextOf(value).Trim())
            || Transcript.Write(chosen[..^1]).Trim() == row.TextOf(value).Trim();

    private static Ranking ParseRanking(RowFields row)
    {
        var prompt = PromptParser.Parse(row);
        var responses = ParseResponses(row).Select(Message.FromAssistant).ToList();
        row.LeaveOut("ratings", "flags", "known_ranking"); // Of labelers, beside the ranking that they gave.
        if (row.Has("ranking"))
        {
            if (row.Has("pairs") || row.Has("ties") || row.Has("margins"))
            {
                throw row.Error(row.Get("ranking"), "either ranking, or pairs with ties and margins, not both");
            }

            var tiers = ParseTiers(row, "ranking", responses.Count);
            return OfTiers(row, prompt, responses, tiers);
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
        RequireCount(row, value, responses.Count);
        return responses;
    }

    /// <summary>Refuses fewer answers than can be compared, and more than a batch element may have.</summary>
    public static void RequireCount(RowFields row, RowValue value, int answers)
    {
        if (answers is < 2 or > MaximumAnswers)
        {
            throw row.Error(value, $"2 to {MaximumAnswers} answers");
        }
    }

    /// <summary>A field that is a ranking: every answer once, best tier first.</summary>
    public static List<IReadOnlyList<int>> ParseTiers(RowFields row, string name, int count)
    {
        var value = row.Get(name);
        var seen = new bool[count];
        List<IReadOnlyList<int>> tiers = [];
        if (row.ItemsOf(value) is { Count: > 0 } items && items.All(item => item.Kind == JsonValueKind.Number))
        {
            throw row.Wrong(
                value, $"expected tiers, best first, as in {Tiered(items)}, found {Flat(items)}: is the first number the best answer's (then write the former), or the rank of answer 0?");
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
