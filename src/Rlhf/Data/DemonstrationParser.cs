using System.Text.Json;

namespace Rlhf.Data;

/// <summary>Reads a demonstration: a prompt with <c>response</c> (or <c>completion</c>, <c>output</c>), or <c>messages</c> that end with the assistant's.</summary>
internal static class DemonstrationParser
{
    private static readonly string[] ResponseNames = ["response", "completion", "output"];

    /// <summary>Whether the row has a response beside its prompt.</summary>
    public static bool HasResponse(RowFields row) => ResponseNames.Any(row.Has);

    public static Demonstration Parse(RowFields row)
    {
        if (row.Has("messages") && !HasResponse(row))
        {
            return ParseConversation(row);
        }

        var prompt = PromptParser.Parse(row);
        var value = FindResponse(row);
        var response = AnswerText(row, value);
        return string.IsNullOrWhiteSpace(response)
            ? throw row.Error(value, "a response")
            : new Demonstration(row.Id(), prompt, Message.FromAssistant(response), TrainOnAllTurns: false, row.Position);
    }

    /// <summary>One answer of a comparison as a demonstration; null where the picked answer is empty.</summary>
    public static Demonstration? Take(RowFields row, DemonstrationPick pick)
    {
        var ranking = RankingParser.Parse(row);
        var (best, worst) = BestAndWorst(ranking);
        var chosen = ranking.Responses[best];
        var takesChosen = pick == DemonstrationPick.Chosen || (pick == DemonstrationPick.Mixed && PromptSplit.PicksChosen(ranking.Prompt.Text, chosen));
        var response = takesChosen ? chosen : ranking.Responses[worst];
        return string.IsNullOrWhiteSpace(response) ? null : new Demonstration(ranking.Id, ranking.Prompt, Message.FromAssistant(response), TrainOnAllTurns: false, ranking.Position);
    }

    /// <summary>An answer that is a text, or messages of which there is one, the assistant's.</summary>
    public static string AnswerText(RowFields row, RowValue value)
    {
        if (value.Kind != JsonValueKind.Array)
        {
            return row.TextOf(value);
        }

        var messages = PromptParser.ParseMessages(row, value);
        return messages is [{ Role: "assistant" } answer] ? answer.Content : throw row.Error(value, "one message of the assistant");
    }

    private static Demonstration ParseConversation(RowFields row)
    {
        var value = row.Get("messages");
        var messages = PromptParser.ParseMessages(row, value);
        var last = value.Items[^1];
        if (messages[^1].Role != "assistant")
        {
            throw row.Wrong(last, $"expected the assistant's message last, found one of the role {messages[^1].Role}");
        }

        if (string.IsNullOrWhiteSpace(messages[^1].Content))
        {
            throw row.Error(last.Properties["content"], "a response");
        }

        var prompt = PromptParser.FromMessages(row, value, messages[..^1]);
        return new Demonstration(row.Id(), prompt, messages[^1], TrainOnAllTurns: true, row.Position);
    }

    private static RowValue FindResponse(RowFields row)
    {
        var present = ResponseNames.Where(row.Has).ToList();
        return present.Count switch
        {
            1 => row.Get(present[0]),
            0 when row.Has("chosen") => throw row.Missing("a response (for an answer of a comparison, set take to chosen, rejected or mixed)"),
            0 => throw row.Missing("a response (the field response, completion or output)"),
            _ => throw row.Missing($"one response (say with fields which of {string.Join(", ", present)} it is)"),
        };
    }

    /// <summary>The answers with the most and the fewest wins less losses; the first and the last of those that are equal.</summary>
    private static (int Best, int Worst) BestAndWorst(Ranking ranking)
    {
        var balance = new int[ranking.Responses.Count];
        foreach (var (better, worse) in ranking.Pairs)
        {
            balance[better]++;
            balance[worse]--;
        }

        return (Array.IndexOf(balance, balance.Max()), Array.LastIndexOf(balance, balance.Min()));
    }
}
