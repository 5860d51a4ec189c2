using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Data.Tables;

namespace Rlhf.Tests.Data.RowForms;

/// <summary>Rows of 33 public forms, with what each means beside them: a row is read with that meaning, or refused; never anything else.</summary>
public sealed class RowFormReferenceTests
{
    private const string Expected = "tables/forms/expected.json";

    /// <summary>Forms of which every row is read, but for rows that mean nothing.</summary>
    private static readonly string[] Whole =
    [
        "openai-preference", "sharegpt-tools", "dolly", "shp", "webgpt", "tldr-comparisons", "ultrafeedback", "ultrafeedback-binarized",
        "helpsteer2-preference", "nectar", "argilla", "prompt-only",
        "prompt-only-conversational", "llamafactory-preference", "llamafactory-preference-alpaca", "trl-implicit-prompt", "trl-conversational", "arena",
        "orca-dpo", "text", "alpaca", "openai-messages",
    ];

    [CaseFact(Expected)]
    public void Every_row_of_every_form_is_read_with_its_meaning_or_refused()
    {
        List<string> wrong = [];
        foreach (var (form, rows, meanings) in Forms())
        {
            // Forms whose rows mean several records, or of which several rows mean one, are refused row by row.
            var together = meanings.Count != rows.Count;
            for (var i = 0; i < rows.Count; i++)
            {
                var (found, error) = Read(rows[i]);
                var meaning = together ? null : meanings[i]!;
                if (found is not null && (together || !Means(found, meaning!)))
                {
                    wrong.Add($"{form} row {i + 1}: read as {found.ToJsonString()}, means {meaning?.ToJsonString() ?? "something with other rows"}");
                }
                else if (found is null && Whole.Contains(form) && meaning!["kind"]!.GetValue<string>().StartsWith("refused", StringComparison.Ordinal) == false)
                {
                    wrong.Add($"{form} row {i + 1}: refused ({error})");
                }
            }
        }

        Assert.Empty(wrong);
    }

    [CaseFact(Expected)]
    public void An_answer_to_avoid_is_no_demonstration_also_where_demonstrations_are_asked_for()
    {
        foreach (var form in new[]
        {
            "kto",
            "kto-conversational",
            "llamafactory-kto",
            "helpsteer2",
            "process-supervision",
            "oasst-messages",
            "oasst-trees",
            "helpsteer2-preference",
            "nectar",
            "argilla",
            "arena",
            "shp",
            "ultrafeedback",
        })
        {
            Assert.All(DataRows.Read(PathOf(form + ".jsonl")),
                row => Assert.Throws<InputException>(() => AnyRecord.Parse(row, new DataSource(), RecordKind.Demonstration)));
            Assert.All(DataRows.Read(PathOf(form + ".jsonl")),
                row => Assert.Throws<InputException>(() => AnyRecord.Parse(row, new DataSource(), RecordKind.Text)));
        }
    }

    [CaseFact(Expected)]
    public void A_mapping_that_leaves_the_label_unread_is_refused()
    {
        AssertRefused("shp", "says how good an answer is", ("prompt", "history"), ("chosen", "human_ref_A"), ("rejected", "human_ref_B"));
        AssertRefused("helpsteer2-preference", "preference_strength", ("chosen", "response_1"), ("rejected", "response_2"));
        AssertRefused("webgpt", "full_text", ("prompt", "question"), ("chosen", "answer_0"), ("rejected", "answer_1"));
        AssertRefused("helpsteer2-preference", "\"response_2\" holds an answer", ("response", "response_1"));

        static void AssertRefused(string form, string field, params (string Ours, string Theirs)[] fields)
        {
            var source = new DataSource { Fields = fields.ToDictionary(pair => pair.Ours, pair => pair.Theirs) };
            foreach (var row in DataRows.Read(PathOf(form + ".jsonl")))
            {
                Assert.Contains(field, Assert.Throws<InputException>(() => AnyRecord.Parse(row, source)).Message, StringComparison.Ordinal);
            }
        }
    }

    private static string PathOf(string file) => ReferenceFiles.CasePathOf("tables", "forms", file);

    private static IEnumerable<(string Form, IReadOnlyList<JsonRow> Rows, JsonArray Meanings)> Forms()
    {
        var forms = JsonNode.Parse(File.ReadAllText(PathOf("expected.json")))!["forms"]!.AsObject();
        Assert.True(forms.Count >= 33);
        return forms.Select(form => (form.Key, (IReadOnlyList<JsonRow>)[.. DataRows.Read(PathOf(form.Key + ".jsonl"))], form.Value!["expected"]!.AsArray()));
    }

    private static (JsonObject? Found, string? Error) Read(JsonRow row)
    {
        try
        {
            return (Written(AnyRecord.Parse(row, new DataSource())), null);
        }
        catch (InputException e)
        {
            return (null, e.Message);
        }
    }

    /// <summary>A record in the words of expected.json.</summary>
    private static JsonObject Written(AnyRecord record) => record switch
    {
        { Demonstration: { } demonstration } => WrittenDemonstration(demonstration),
        { Ranking: { } ranking } => new JsonObject
        {
            ["kind"] = "ranking",
            ["prompt"] = Written(ranking.Prompt.AsMessages()),
            ["answers"] = new JsonArray([.. ranking.Responses.Select(text => JsonValue.Create(text))]),
            ["ranks"] = RanksOf(ranking),
            ["tools"] = ranking.Prompt.Tools is { } tools ? JsonNode.Parse(tools) : null,
        },
        { Labeled: { } labeled } => new JsonObject
        {
            ["kind"] = "labeled",
            ["answer"] = labeled.Answer.Content,
            ["desirable"] = labeled.Desirable,
        },
        { Prompt: { } prompt } => new JsonObject { ["kind"] = "prompt", ["prompt"] = Written(prompt.Prompt.AsMessages()) },
        _ => new JsonObject { ["kind"] = "text", ["text"] = record.Text!.Text },
    };

    private static JsonObject WrittenDemonstration(Demonstration demonstration)
    {
        Message[] messages = [.. demonstration.Prompt.AsMessages(), demonstration.Answer];
        var trained = Enumerable.Range(0, messages.Length)
            .Where(i => messages[i] is { Role: "assistant", IsTrained: true } && (demonstration.TrainOnAllTurns || i == messages.Length - 1));
        return new JsonObject
        {
            ["kind"] = "demonstration",
            ["messages"] = Written(messages),
            ["trained_messages"] = new JsonArray([.. trained.Select(i => JsonValue.Create(i))]),
            ["tools"] = demonstration.Prompt.Tools is { } tools ? JsonNode.Parse(tools) : null,
        };
    }

    private static JsonArray Written(IReadOnlyList<Message> messages) => new([.. messages.Select(message =>
    {
        var written = new JsonObject { ["role"] = message.Role };
        if (message.Content.Length > 0)
        {
            written["content"] = message.Content;
        }

        foreach (var (name, value) in message.OtherFields is { } fields ? JsonNode.Parse(fields)!.AsObject() : [])
        {
            written[name] = value?.DeepClone();
        }

        return written;
    })]);

    private static JsonArray RanksOf(Ranking ranking)
    {
        var tiers = ranking.Tiers ?? [[ranking.Pairs[0].Better], [ranking.Pairs[0].Worse]];
        return new([.. Enumerable.Range(0, ranking.Responses.Count)
            .Select(answer => JsonValue.Create(tiers.Index().First(tier => tier.Item.Contains(answer)).Index))]);
    }

    private static bool Means(JsonObject found, JsonNode meaning) => meaning["kind"]!.GetValue<string>() switch
    {
        "comparison" => Same(found["kind"], "ranking") && JsonNode.DeepEquals(found["prompt"], meaning["prompt"])
            && Same(found["answers"]![0], TextOf(meaning["chosen"])) && Same(found["answers"]![1], TextOf(meaning["rejected"]))
                && found["ranks"]!.ToJsonString() == "[0,1]",
        "refused" or "refused_or_dropped" or "refused_or_kept" => false,
        "labeled" => JsonNode.DeepEquals(found["desirable"], meaning["desirable"]) && JsonNode.DeepEquals(found["answer"], meaning["answer"]),
        _ => found.All(field => field.Value is null || JsonNode.DeepEquals(field.Value, meaning[field.Key]))
            && meaning["tools"] is null == found["tools"] is null,
    };

    private static bool Same(JsonNode? found, string text) => found!.GetValue<string>() == text;

    private static string TextOf(JsonNode? answer) => answer is JsonArray messages ? messages[0]!["content"]!.GetValue<string>() : answer!.GetValue<string>();
}
