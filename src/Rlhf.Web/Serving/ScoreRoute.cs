using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Rlhf.Data;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Web.Security;

namespace Rlhf.Web.Serving;

/// <summary><c>/v1/score</c>: what a reward model gives for answers to a prompt or a conversation. OpenAI has no such route.</summary>
internal sealed class ScoreRoute(ServedModels models)
{
    public async Task Score(HttpContext context)
    {
        using var body = await RequestBody.Read(context.Request);
        var model = models.Reward(RequestBody.TextOf(body.Get("model"), "model"));
        var prompt = PromptOf(body);
        var answers = AnswersOf(body.Get("answers"));
        body.RejectUnknown();
        var sequences = await ServedModel.Encoding(() => EncodeAll(model, prompt, answers, context.RequestAborted), context.RequestAborted);
        var tokens = sequences.Sum(static sequence => sequence.Tokens.Length);
        var scores = await model.Score(sequences, context.RequestAborted);
        await context.Response.WriteAsJsonAsync(
            new JsonObject
            {
                ["object"] = "list",
                ["model"] = model.Name,
                ["system_fingerprint"] = model.Fingerprint,
                ["data"] = new JsonArray(
                    [.. scores.Select(
                        (score, i) => new JsonObject
                        {
                            ["object"] = "score",
                            ["index"] = i,
                            ["score"] = Finite(score),
                            ["tokens"] = sequences[i].Tokens.Length,
                        })]),
                ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
            },
            WebJson.Options,
            context.RequestAborted);
    }

    private static Prompt PromptOf(RequestBody body)
    {
        var (prompt, messages) = (body.Find("prompt"), body.Find("messages"));
        if (prompt is null == messages is null)
        {
            throw ApiException.Invalid("Give either 'prompt' or 'messages'.", "prompt", "missing_required_parameter");
        }

        return messages is { } turns
            ? Prompt.FromConversation(MessageReader.Read(turns, "messages"))
            : Prompt.FromText(RequestBody.TextOf(prompt!.Value, "prompt"));
    }

    private static string[] AnswersOf(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is < 1 or > Limits.RequestAnswers)
        {
            throw RequestBody.Wrong("answers", $"a list of 1 to {Limits.RequestAnswers} texts", value);
        }

        string[] answers = [.. value.EnumerateArray().Select(item => RequestBody.TextOf(item, "answers"))];
        return answers.All(answer => answer.Length > 0)
            ? answers
            : throw ApiException.Invalid("Invalid value for 'answers': an answer is empty.", "answers", "invalid_value");
    }

    private static EncodedSequence[] EncodeAll(ServedRewardModel model, Prompt prompt, string[] answers, CancellationToken cancellation)
    {
        var sequences = new EncodedSequence[answers.Length];
        for (var i = 0; i < answers.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            sequences[i] = Encode(model, prompt, answers[i], FormattableString.Invariant($"answers[{i}]"));
        }

        return sequences;
    }

    private static EncodedSequence Encode(ServedRewardModel model, Prompt prompt, string answer, string name)
    {
        EncodedSequence encoded;
        try
        {
            encoded = model.Encoder.EncodeAnswer(
                new Demonstration(name, prompt, Message.FromAssistant(answer), TrainOnAllTurns: false, new RowPosition(name, 1, 1)))!;
        }
        catch (TooManyTokensException)
        {
            throw model.TooLong("answers");
        }
        catch (InputException exception)
        {
            throw ApiException.Invalid(exception.Message, "answers");
        }

        var context = model.Decoder.Config.ContextLength;
        return encoded.Tokens.Length <= context ? encoded : throw ApiException.Invalid(
            FormattableString.Invariant(
                $"This model's maximum context length is {context} tokens. However, the prompt and {name} have {encoded.Tokens.Length}. Please shorten them."),
                "answers", "context_length_exceeded");
    }

    private static float Finite(float score) =>
        float.IsFinite(score) ? score : throw new RunFailedException("The reward model gave a score that is not finite: its weights are broken.");
}
