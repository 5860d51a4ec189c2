using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;

namespace Rlhf.Cli;

/// <summary>What a row means, as one line of JSON: its kind, who says what, which answer is better, what is trained, what a split hashes.</summary>
internal static class DataMeaning
{
    private const string Unread = "field not used: ";

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A row's meaning, or <c>{"error": …}</c> where it is refused.</summary>
    public static string Of(JsonRow row, DataSource source, RecordKind? kind)
    {
        try
        {
            var ledger = new Ledger("show");
            var record = AnyRecord.Parse(row, source, kind, ledger);
            var meaning = Of(record);
            string[] notes = [.. ledger.Notes()];
            AddTexts(meaning, "unused", notes.Where(note => note.StartsWith(Unread, StringComparison.Ordinal)).Select(note => note[Unread.Length..]));
            AddTexts(meaning, "notes", notes.Where(note => !note.StartsWith(Unread, StringComparison.Ordinal)));
            return meaning.ToJsonString(Plain);
        }
        catch (InputException e)
        {
            return DataView.ToJson(e);
        }
    }

    private static JsonObject Of(AnyRecord record) => record switch
    {
        { Demonstration: { } demonstration } => WithPrompt(OfDemonstration(demonstration), demonstration.Prompt),
        { Ranking: { } ranking } => WithPrompt(OfRanking(ranking), ranking.Prompt),
        { Labeled: { } labeled } => WithPrompt(
            new JsonObject
            {
                ["kind"] = "labeled",
                ["prompt"] = Of(labeled.Prompt.AsMessages()),
                ["answer"] = Answer(labeled.Answer),
                ["desirable"] = labeled.Desirable,
            },
            labeled.Prompt),
        { Prompt: { } prompt } => WithPrompt(OfPrompt(prompt), prompt.Prompt),
        _ => new JsonObject { ["kind"] = "text", ["text"] = record.Text!.Text },
    };

    private static JsonObject OfDemonstration(Demonstration demonstration)
    {
        Message[] messages = [.. demonstration.Prompt.AsMessages(), demonstration.Answer];
        var trained = Enumerable.Range(0, messages.Length)
            .Where(i => messages[i] is { Role: "assistant", IsTrained: true } && (demonstration.TrainOnAllTurns || i == messages.Length - 1));
        return new JsonObject
        {
            ["kind"] = "demonstration",
            ["messages"] = Of(messages),
            ["trained_messages"] = new JsonArray([.. trained.Select(i => JsonValue.Create(i))]),
        };
    }

    private static JsonObject OfRanking(Ranking ranking)
    {
        var prompt = Of(ranking.Prompt.AsMessages());
        if (ranking is { Tiers: null, Responses.Count: 2, Ties.Count: 0, Pairs: [var (better, worse)] })
        {
            return new JsonObject
            {
                ["kind"] = "comparison",
                ["prompt"] = prompt,
                ["chosen"] = Answer(ranking.Answer(better)),
                ["rejected"] = Answer(ranking.Answer(worse)),
            };
        }

        var meaning = new JsonObject
        {
            ["kind"] = "ranking",
            ["prompt"] = prompt,
            ["answers"] = new JsonArray([.. Enumerable.Range(0, ranking.Responses.Count).Select(i => Answer(ranking.Answer(i)))]),
        };
        if (ranking.Tiers is { } tiers)
        {
            meaning["ranks"] = new JsonArray([.. Enumerable.Range(0, ranking.Responses.Count)
                .Select(answer => JsonValue.Create(tiers.Index().First(tier => tier.Item.Contains(answer)).Index))]);
        }
        else
        {
            meaning["pairs"] = new JsonArray([.. ranking.Pairs.Select(pair => new JsonArray(pair.Better, pair.Worse))]);
            meaning["ties"] = new JsonArray([.. ranking.Ties.Select(tie => new JsonArray(tie.First, tie.Second))]);
        }

        return meaning;
    }

    private static JsonObject OfPrompt(PromptRecord prompt)
    {
        var meaning = new JsonObject { ["kind"] = "prompt", ["prompt"] = Of(prompt.Prompt.AsMessages()) };
        if (prompt.Prompt.Fields.TryGetValue("answer", out var answer))
        {
            var result = WorkedAnswer.ResultOf(answer);
            meaning["answer"] = result;
            if (result != answer)
            {
                meaning["solution"] = answer;
            }
        }

        return meaning;
    }

    private static JsonObject WithPrompt(JsonObject meaning, Prompt prompt)
    {
        if (prompt.Tools is { } tools)
        {
            meaning["tools"] = JsonNode.Parse(tools);
        }

        // An Alpaca row's key is shown as what is asked; a split hashes the same words with their labels.
        meaning["split_key"] = prompt.Group ?? (prompt.Messages is null ? prompt.AsMessages()[0].Content : prompt.SplitKey);
        return meaning;
    }

    private static JsonArray Of(IReadOnlyList<Message> messages) => new([.. messages.Select(Of)]);

    private static JsonObject Of(Message message)
    {
        var written = new JsonObject { ["role"] = message.Role };
        if (message.Content.Length > 0 || message.OtherFields is null)
        {
            written["content"] = message.Content;
        }

        foreach (var (name, value) in message.OtherFields is { } fields ? JsonNode.Parse(fields)!.AsObject() : [])
        {
            written[name] = value?.DeepClone();
        }

        return written;
    }

    /// <summary>A text, or a list of one message where it has more than a text.</summary>
    private static JsonNode Answer(Message message) => message.OtherFields is null ? JsonValue.Create(message.Content)! : new JsonArray(Of(message));

    private static void AddTexts(JsonObject meaning, string name, IEnumerable<string> texts)
    {
        if (texts.Select(text => (JsonNode?)JsonValue.Create(text)).ToArray() is { Length: > 0 } values)
        {
            meaning[name] = new JsonArray(values);
        }
    }
}
