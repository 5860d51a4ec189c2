namespace Rlhf.Data.RowForms;

/// <summary>Reads a demonstration: a prompt with <c>response</c> (or <c>completion</c>, <c>output</c>), or <c>messages</c> that end with the
/// assistant's.</summary>
internal static class DemonstrationParser
{
    private static readonly string[] ResponseNames = ["response", "completion", "output"];

    /// <summary>Whether the row has a response beside its prompt.</summary>
    public static bool HasResponse(RowFields row) => ResponseNames.Any(row.Has);

    /// <summary>The name under which a row has null instead of a response; null where it has none of them, or a response.</summary>
    public static string? EmptyResponseOf(RowFields row) => HasResponse(row) ? null : ResponseNames.FirstOrDefault(row.IsNull);

    public static Demonstration Parse(RowFields row)
    {
        if (PromptParser.ConversationOf(row) is { } name && !HasResponse(row))
        {
            return ParseConversation(row, name);
        }

        var prompt = PromptParser.Parse(row);
        var (value, responseName) = FindResponse(row);
        var answer = MessageParser.ParseAnswer(row, value, responseName);
        return MessageParser.IsEmpty(answer)
            ? throw row.Error(value, "a response")
            : new Demonstration(row.Id(), prompt, answer, TrainOnAllTurns: row.Peek("history") is { Items.Count: > 0 }, row.Position);
    }

    /// <summary>Whether any turn that a demonstration trains on may count in the loss.</summary>
    public static bool IsTrained(Demonstration demonstration) =>
        demonstration.Answer.IsTrained
            || (demonstration.TrainOnAllTurns && demonstration.Prompt.AsMessages().Any(message => message is { Role: "assistant", IsTrained: true }));

    /// <summary>The row's weight: 1, or 0 for a row that is to be left out.</summary>
    public static bool IsLeftOut(RowFields row) => row.Find("weight") is { } value && row.ScoreOf(value) switch
    {
        0 => true,
        1 => false,
        _ => throw row.Error(value, "a weight of 0 or 1 (demonstrations and texts are used or left out; no other weight is read)"),
    };

    /// <summary>One answer of a comparison as a demonstration; null where the picked answer is empty.</summary>
    public static Demonstration? Take(RowFields row, DemonstrationPick pick)
    {
        var ranking = RankingParser.Parse(row);
        var (best, worst) = BestAndWorst(ranking);
        var takesChosen = pick == DemonstrationPick.Chosen
            || (pick == DemonstrationPick.Mixed && PromptSplit.PicksChosen(ranking.Prompt.Text, ranking.Responses[best]));
        var answer = ranking.Answer(takesChosen ? best : worst);
        return MessageParser.IsEmpty(answer) ? null : new Demonstration(ranking.Id, ranking.Prompt, answer, TrainOnAllTurns: false, ranking.Position);
    }

    private static Demonstration ParseConversation(RowFields row, string name)
    {
        var value = row.Get(name);
        var messages = MessageParser.ParseAll(row, value, name);
        var last = value.Items[^1];
        if (messages[^1].Role != "assistant")
        {
            throw row.Wrong(last, $"expected the assistant's message last, found one of the role {messages[^1].Role}");
        }

        if (MessageParser.IsEmpty(messages[^1]))
        {
            throw row.Error(last.Properties.GetValueOrDefault("content") ?? last.Properties.GetValueOrDefault("value") ?? last, "a response");
        }

        var prompt = PromptParser.FromMessages(row, value, messages[..^1]);
        return new Demonstration(row.Id(), prompt, messages[^1], TrainOnAllTurns: true, row.Position);
    }

    private static (RowValue Value, string Name) FindResponse(RowFields row)
    {
        var present = ResponseNames.Where(row.Has).ToList();
        return present.Count switch
        {
            1 => (row.Get(present[0]), present[0]),
            0 when WorkedAnswer.Fits(row) => (row.Get("answer"), "answer"),
            0 when row.Has("chosen") => throw row.Missing("a response (for an answer of a comparison, set take to chosen, rejected or mixed)"),
            0 when EmptyResponseOf(row) is { } name => throw row.Missing($"a response, and {name} is null (to read the row as a prompt, give it as prompts)"),
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
