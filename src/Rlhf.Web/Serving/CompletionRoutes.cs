using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Rlhf.Data;

namespace Rlhf.Web.Serving;

/// <summary><c>/v1/chat/completions</c> and <c>/v1/completions</c>: answers to conversations and continuations of texts, at once or as a stream.</summary>
internal sealed class CompletionRoutes(ServedModels models, TextWriter log)
{
    private static readonly string[] NotHere =
        ["tools", "functions", "audio", "modalities", "prediction", "web_search_options", "reasoning_effort", "verbosity"];

    /// <summary>What differs between the two routes.</summary>
    /// <param name="Model">Who answers.</param>
    /// <param name="Prompts">Tokens of each prompt.</param>
    /// <param name="Settings">How.</param>
    /// <param name="IsChat">Whether the answer is a message.</param>
    /// <param name="LeftOut">How many of the oldest messages the model does not see; null where none may be left out.</param>
    private sealed record Request(ServedLanguageModel Model, IReadOnlyList<int[]> Prompts, AnswerSettings Settings, bool IsChat, int? LeftOut = null)
    {
        private readonly string _id = $"{(IsChat ? "chatcmpl" : "cmpl")}-{Guid.NewGuid():N}";
        private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

        /// <summary>The object that holds the choices.</summary>
        public JsonObject Envelope(bool isChunk, JsonArray choices)
        {
            var json = Bare(isChunk, choices);
            if (LeftOut is { } count)
            {
                json["left_out_messages"] = count;
            }

            return json;
        }

        private JsonObject Bare(bool isChunk, JsonArray choices) => new()
        {
            ["id"] = _id,
            ["object"] = !IsChat ? "text_completion" : isChunk ? "chat.completion.chunk" : "chat.completion",
            ["created"] = _created,
            ["model"] = Model.Name,
            ["system_fingerprint"] = Model.Fingerprint,
            ["choices"] = choices,
        };

        public JsonObject? LogProbabilities(IReadOnlyList<AnswerToken> tokens) => Settings.TopLogProbabilities is null ? null
            : IsChat ? AnswerJson.ChatLogProbabilities(Model.Tokenizer, tokens)
            : AnswerJson.CompletionLogProbabilities(Model.Tokenizer, tokens, Settings.TopLogProbabilities);
    }

    public async Task Chat(HttpContext context)
    {
        using var body = await RequestBody.Read(context.Request);
        var model = models.Language(RequestBody.TextOf(body.Get("model"), "model"));
        var messages = MessageReader.Read(body.Get("messages"), "messages");
        var settings = AnswerSettings.ReadChat(body);
        foreach (var name in NotHere)
        {
            body.OnlyNeutral(name, value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0);
        }

        foreach (var name in (string[])["tool_choice", "function_call"])
        {
            body.OnlyNeutral(name, value => value.ValueKind == JsonValueKind.String && value.GetString() is "none" or "auto");
        }

        body.OnlyNeutral(
            "response_format", value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && type.ValueEquals("text"));
        body.MayHave("parallel_tool_calls");
        var mayLeaveOut = MayLeaveOut(body);
        body.RejectUnknown();
        var request = await ServedModel.Encoding(
            () => mayLeaveOut
                ? Fitting(model, messages, settings, context.RequestAborted)
                : new Request(model, [model.Encode(messages)], settings, IsChat: true), context.RequestAborted);
        await Answer(context, request, "messages");
    }

    private static bool MayLeaveOut(RequestBody body) => body.Find("truncation") is { } value && RequestBody.TextOf(value, "truncation") switch
    {
        "none" => false,
        "oldest_turns" => true,
        _ => throw RequestBody.Wrong("truncation", "\"none\" or \"oldest_turns\"", value),
    };

    /// <summary>A request whose conversation leaves room for an answer.</summary>
    private static Request Fitting(ServedLanguageModel model, IReadOnlyList<Message> messages, AnswerSettings settings, CancellationToken cancellation)
    {
        var context = model.Worker.Capacity;
        var limit = settings.MaxTokens ?? ConversationWindow.AnswerLimit(context);
        var tooMany = new int[context + 1];
        var (leftOut, prompt) = ConversationWindow.Fit(messages, Tokens, context, limit);
        if (prompt == tooMany)
        {
            throw model.TooLong("messages");
        }

        return new Request(model, [prompt], settings with { MaxTokens = Math.Max(1, Math.Min(limit, context - prompt.Length)) }, IsChat: true, leftOut);

        int[] Tokens(IReadOnlyList<Message> turns)
        {
            cancellation.ThrowIfCancellationRequested();
            return model.EncodeUpToContext(turns) ?? tooMany;
        }
    }

    public async Task Complete(HttpContext context)
    {
        using var body = await RequestBody.Read(context.Request);
        var model = models.Language(RequestBody.TextOf(body.Get("model"), "model"));
        var prompt = body.Find("prompt");
        var settings = AnswerSettings.ReadCompletion(body);
        body.OnlyNeutral("echo", value => value.ValueKind == JsonValueKind.False);
        body.OnlyNeutral("suffix", value => value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0);
        body.OnlyNeutral("best_of", value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == settings.Choices);
        body.RejectUnknown();
        var prompts = await ServedModel.Encoding(() => PromptReader.Read(prompt, model, context.RequestAborted), context.RequestAborted);
        await Answer(context, new Request(model, prompts, settings, IsChat: false), "prompt");
    }

    private async Task Answer(HttpContext context, Request request, string parameter)
    {
        var jobs = Answers.Begin(request.Model, request.Prompts, request.Settings, parameter);
        var pieces = Answers.Pieces(request.Model, jobs, request.Settings, request.IsChat, context.RequestAborted);
        if (request.Settings.Streams)
        {
            await new EventStream(context).Write(Chunks(request, pieces, context.RequestAborted), log);
        }
        else
        {
            await context.Response.WriteAsJsonAsync(await Whole(request, pieces), Security.WebJson.Options, context.RequestAborted);
        }
    }

    private static async Task<JsonObject> Whole(Request request, IAsyncEnumerable<AnswerPiece> pieces)
    {
        var count = request.Prompts.Count * request.Settings.Choices;
        var texts = Enumerable.Range(0, count).Select(_ => new StringBuilder()).ToArray();
        var tokens = Enumerable.Range(0, count).Select(_ => new List<AnswerToken>()).ToArray();
        var reasons = new string[count];
        var drawn = 0;
        await foreach (var piece in pieces)
        {
            texts[piece.Choice].Append(piece.Text);
            tokens[piece.Choice].AddRange(piece.Tokens);
            reasons[piece.Choice] = piece.FinishReason!;
            drawn += piece.Drawn;
        }

        var json = request.Envelope(isChunk: false, new JsonArray([.. Enumerable.Range(0, count).Select(i =>
        {
            var choice = new JsonObject { ["index"] = i };
            if (request.IsChat)
            {
                choice["message"] = new JsonObject { ["role"] = "assistant", ["content"] = texts[i].ToString(), ["refusal"] = null };
            }
            else
            {
                choice["text"] = texts[i].ToString();
            }

            choice["logprobs"] = request.LogProbabilities(tokens[i]);
            choice["finish_reason"] = reasons[i];
            return choice;
        })]));
        json["usage"] = AnswerJson.Usage(request.Prompts, drawn);
        return json;
    }

    private static async IAsyncEnumerable<JsonObject> Chunks(
        Request request, IAsyncEnumerable<AnswerPiece> pieces, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var drawn = 0;
        if (request.IsChat)
        {
            for (var i = 0; i < request.Prompts.Count * request.Settings.Choices; i++)
            {
                yield return Chunk(request, new AnswerPiece(i, "", [], 0, null), new JsonObject { ["role"] = "assistant", ["content"] = "" });
            }
        }

        await foreach (var piece in pieces.WithCancellation(cancellation))
        {
            drawn += piece.Drawn;
            // The reason comes with no text: clients take it as the end.
            if (piece.Text.Length > 0 || piece.Tokens.Count > 0)
            {
                yield return Chunk(request, piece with { FinishReason = null }, new JsonObject { ["content"] = piece.Text });
            }

            if (piece.FinishReason is not null)
            {
                yield return Chunk(request, piece with { Text = "", Tokens = [] }, []);
            }
        }

        if (request.Settings.StreamsUsage)
        {
            var last = request.Envelope(isChunk: true, []);
            last["usage"] = AnswerJson.Usage(request.Prompts, drawn);
            yield return last;
        }
    }

    private static JsonObject Chunk(Request request, AnswerPiece piece, JsonObject delta)
    {
        var choice = new JsonObject { ["index"] = piece.Choice };
        if (request.IsChat)
        {
            choice["delta"] = delta;
        }
        else
        {
            choice["text"] = piece.Text;
        }

        choice["logprobs"] = piece.Tokens.Count > 0 ? request.LogProbabilities(piece.Tokens) : null;
        choice["finish_reason"] = piece.FinishReason;
        var json = request.Envelope(isChunk: true, [choice]);
        if (request.Settings.StreamsUsage)
        {
            json["usage"] = null;
        }

        return json;
    }
}
