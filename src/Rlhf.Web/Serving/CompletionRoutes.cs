using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Rlhf.Data;
using Rlhf.Sampling;

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
    /// <param name="Continues">Whether the answer has a beginning already.</param>
    private sealed record Request(
        ServedLanguageModel Model, IReadOnlyList<CompletionPrompt> Prompts, AnswerSettings Settings, bool IsChat, int? LeftOut = null, bool Continues = false)
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

        /// <summary>How one of the answers is read.</summary>
        public AnswerReader ReaderOf(GenerationJob job, int choice) => new(
            choice, job, new AnswerText(Model.Tokenizer, job.Request.Prompt, Settings.Stops, IsChat && !Continues),
            Settings.Echoes ? EchoedPrompt.Of(Model.Tokenizer, Prompts[choice / Settings.Choices]) : null, showsEnd: !IsChat);

        public JsonObject? LogProbabilities(IReadOnlyList<AnswerToken> tokens) => Settings.TopLogProbabilities is null ? null
            : IsChat ? AnswerJson.ChatLogProbabilities(Model.Tokenizer, tokens)
            : AnswerJson.CompletionLogProbabilities(Model.Tokenizer, tokens, Settings.TopLogProbabilities);
    }

    public async Task Chat(HttpContext context)
    {
        using var body = await RequestBody.Read(context.Request);
        var model = models.Language(RequestBody.TextOf(body.Get("model"), "model"));
        var form = ChatForm.Read(body, model);
        var settings = AnswerSettings.ReadChat(body, model);
        foreach (var name in NotHere)
        {
            body.OnlyNeutral(name, value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0);
        }

        foreach (var name in (string[])["tool_choice", "function_call"])
        {
            body.OnlyNeutral(name, value => value.ValueKind == JsonValueKind.String && value.GetString() is "none" or "auto");
        }

        var format = ResponseFormat.Read(body);
        body.MayHave("parallel_tool_calls");
        body.RejectUnknown();
        var request = await ServedModel.Encoding(
            () => Of(model, form, settings with { Grammar = model.Grammars.Of(format) }, context.RequestAborted), context.RequestAborted);
        await Answer(context, request, "messages");
    }

    /// <summary>A request whose conversation leaves room for an answer, where its oldest turns may be left out; else as it is.</summary>
    private static Request Of(ServedLanguageModel model, ChatForm form, AnswerSettings settings, CancellationToken cancellation)
    {
        if (!form.MayLeaveOut)
        {
            var whole = form.Tokens(form.Messages) ?? throw model.TooLong("messages");
            return new Request(model, [new CompletionPrompt(whole)], settings, IsChat: true, Continues: form.Continues);
        }

        var context = model.Worker.Capacity;
        var limit = settings.MaxTokens ?? ConversationWindow.AnswerLimit(context);
        var tooMany = new int[context + 1];
        var (leftOut, prompt) = ConversationWindow.Fit(form.Messages, Tokens, context, limit);
        if (prompt == tooMany)
        {
            throw model.TooLong("messages");
        }

        settings = settings with { MaxTokens = Math.Max(1, Math.Min(limit, context - prompt.Length)) };
        return new Request(model, [new CompletionPrompt(prompt)], settings, IsChat: true, leftOut, form.Continues);

        int[] Tokens(IReadOnlyList<Message> turns)
        {
            cancellation.ThrowIfCancellationRequested();
            return form.Tokens(turns) ?? tooMany;
        }
    }

    public async Task Complete(HttpContext context)
    {
        using var body = await RequestBody.Read(context.Request);
        var model = models.Language(RequestBody.TextOf(body.Get("model"), "model"));
        var prompt = body.Find("prompt");
        var settings = AnswerSettings.ReadCompletion(body, model);
        var format = ResponseFormat.Read(body);
        body.OnlyNeutral("suffix", value => value.ValueKind == JsonValueKind.String && value.GetString()!.Length == 0);
        body.OnlyNeutral("best_of", value => value.ValueKind == JsonValueKind.Number && value.GetDouble() == settings.Choices);
        body.RejectUnknown();
        var request = await ServedModel.Encoding(
            () => new Request(
                model, PromptReader.Read(prompt, model, context.RequestAborted), settings with { Grammar = model.Grammars.Of(format) }, IsChat: false),
            context.RequestAborted);
        await Answer(context, request, "prompt");
    }

    private async Task Answer(HttpContext context, Request request, string parameter)
    {
        var jobs = Answers.Begin(request.Model, request.Prompts, request.Settings, parameter);
        var pieces = Answers.Pieces(jobs, [.. jobs.Select(request.ReaderOf)], context.RequestAborted);
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
        json["usage"] = AnswerJson.Usage([.. request.Prompts.Select(prompt => prompt.Ids)], drawn);
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
            last["usage"] = AnswerJson.Usage([.. request.Prompts.Select(prompt => prompt.Ids)], drawn);
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
