using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Rlhf.Data;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;

namespace Rlhf.Web.Serving;

/// <summary>
/// <c>/v1/feedback</c>: what people say of answers on the chat page, into a store of rankings. Which of two answers is better is a ranking of both; a thumb is
/// a review of one answer, and together with an opposite thumb on another answer to the same prompt a ranking, too.
/// </summary>
/// <param name="store">The store; null where none was named, and nothing is kept.</param>
internal sealed class FeedbackRoutes(RankingStore? store)
{
    /// <summary>The round of the store in which it stands.</summary>
    public const string Round = "chat";

    private const string Labeler = "chat";

    private sealed record Given(string Text, string Model, bool? Up);

    public Task Describe(HttpContext context) => context.Response.WriteAsJsonAsync(
        new JsonObject { ["object"] = "feedback", ["enabled"] = store is not null }, WebJson.Options, context.RequestAborted);

    public async Task Give(HttpContext context)
    {
        using var body = await RequestBody.Read(context.Request);
        if (store is null)
        {
            throw new ApiException(StatusCodes.Status404NotFound, "This server keeps no feedback: start it with --feedback FILE.", ApiException.InvalidRequest,
                code: "unknown_url");
        }

        var prompt = Prompt.FromConversation(MessageReader.Read(body.Get("messages"), "messages"));
        var answers = AnswersOf(body.Get("answers"));
        var thumbed = (int?)body.Whole("thumbed", 0, answers.Length - 1);
        var better = BetterOf(body, answers);
        var seconds = body.Number("seconds", 0, 1e7) ?? 0;
        body.RejectUnknown();
        if (thumbed is null == better is null)
        {
            throw ApiException.Invalid("Give either 'thumbed' (an answer's number) or 'better' (0, 1 or \"tie\").", "better", "missing_required_parameter");
        }

        var stored = better is { } tiers ? [Rank(prompt, answers, tiers, seconds, "better")] : Thumb(prompt, answers, thumbed!.Value, seconds);
        await context.Response.WriteAsJsonAsync(
            new JsonObject { ["object"] = "feedback", ["tasks"] = new JsonArray([.. stored.Select(task => (JsonNode)task)]) }, WebJson.Options,
            context.RequestAborted);
    }

    private static Given[] AnswersOf(JsonElement value)
    {
        const string Name = "answers";
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is < 1 or > RankingRows.MaximumAnswers)
        {
            throw RequestBody.Wrong(Name, $"a list of 1 to {RankingRows.MaximumAnswers} answers", value);
        }

        return [.. value.EnumerateArray().Select((item, i) => OneOf(item, FormattableString.Invariant($"{Name}[{i}]")))];
    }

    private static Given OneOf(JsonElement item, string name)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw RequestBody.Wrong(name, "an answer with text and model", item);
        }

        var (text, model, up) = ("", "", (bool?)null);
        foreach (var property in item.EnumerateObject())
        {
            var place = $"{name}.{property.Name}";
            switch (property.Name)
            {
                case "text":
                    text = RequestBody.TextOf(property.Value, place);
                    break;
                case "model":
                    model = RequestBody.TextOf(property.Value, place);
                    break;
                case "thumb":
                    up = property.Value.ValueKind == JsonValueKind.Null ? null : RequestBody.TextOf(property.Value, place) switch
                    {
                        "up" => true,
                        "down" => false,
                        _ => throw RequestBody.Wrong(place, "\"up\" or \"down\"", property.Value),
                    };
                    break;
                default:
                    throw ApiException.Invalid($"Unknown parameter: '{place}'.", place, "unknown_parameter");
            }
        }

        return text.Trim().Length > 0 && model.Length > 0 ? new Given(text, model, up)
            : throw ApiException.Invalid($"Missing required parameter: '{name}' needs a text, not empty, and a model.", name, "missing_required_parameter");
    }

    private static IReadOnlyList<IReadOnlyList<int>>? BetterOf(RequestBody body, Given[] answers)
    {
        if (body.Find("better") is not { } value)
        {
            return null;
        }

        if (answers.Length != 2 || answers[0].Text.Trim() == answers[1].Text.Trim())
        {
            throw ApiException.Invalid("'better' says which of two answers is better, and they must differ.", "answers", "invalid_value");
        }

        var isTie = value.ValueKind == JsonValueKind.String && value.ValueEquals("tie");
        return isTie ? [[0, 1]] : body.Whole("better", 0, 1) == 0 ? [[0], [1]] : [[1], [0]];
    }

    private List<long> Thumb(Prompt prompt, Given[] answers, int number, double seconds)
    {
        var own = answers[number];
        if (own.Up is not { } up)
        {
            throw ApiException.Invalid($"Missing required parameter: 'answers[{number}].thumb'.", "answers", "missing_required_parameter");
        }

        List<long> tasks = [Stored(
            new AnswerSet(Round, prompt.Text, prompt.AsMessages(), [own.Text], SourceOf(prompt, "thumb", [own]), Kind: TaskKind.Review),
            new Judgement { Verdict = up ? "accept" : "reject" }, seconds)];
        foreach (var other in answers.Where(other => other.Up == !up && other.Text.Trim() != own.Text.Trim()))
        {
            // In the order in which they stood, so that the pair is the same whichever thumb came last.
            Given[] pair = [.. answers.Where(each => each == own || each == other)];
            tasks.Add(Rank(prompt, pair, pair[0].Up == true ? [[0], [1]] : [[1], [0]], seconds, "thumbs"));
        }

        return tasks;
    }

    private long Rank(Prompt prompt, Given[] pair, IReadOnlyList<IReadOnlyList<int>> tiers, double seconds, string how)
    {
        string[]? models = pair[0].Model == pair[1].Model ? null : [pair[0].Model, pair[1].Model];
        return Stored(
            new AnswerSet(Round, prompt.Text, prompt.AsMessages(), [pair[0].Text, pair[1].Text], SourceOf(prompt, how, pair), Models: models),
            new Judgement { Tiers = tiers }, seconds);
    }

    private long Stored(AnswerSet answers, Judgement judgement, double seconds)
    {
        try
        {
            return store!.Give(answers, judgement, Labeler, seconds);
        }
        catch (InputException exception)
        {
            throw ApiException.Invalid(exception.Message, "answers", "invalid_value");
        }
    }

    /// <summary>What export gives back beside answers and judgement: a row of the data readers.</summary>
    private static JsonObject SourceOf(Prompt prompt, string how, Given[] answers)
    {
        var source = new JsonObject();
        if (prompt.Messages is { } messages)
        {
            source["messages"] = new JsonArray([.. messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })]);
        }
        else
        {
            source["prompt"] = prompt.Text;
        }

        source["from"] = how;
        source["written_by"] = new JsonArray([.. answers.Select(answer => (JsonNode)answer.Model)]);
        return source;
    }
}
