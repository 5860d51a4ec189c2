using System.Text;
using System.Text.Json;
using Rlhf.Web.Serving;
using Rlhf.World;

namespace Rlhf.Web.Tests.Serving;

public sealed class CompletionTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions";
    private const string Completions = "/v1/completions";
    private TinyServer _server = null!;

    public async Task InitializeAsync() => _server = await TinyServer.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_chat_answer_has_openais_form()
    {
        var json = await _server.Post(Chat, new { model = "tiny", messages = Say("Name a fruit."), max_tokens = 7, seed = 1 });

        Assert.StartsWith("chatcmpl-", json.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal(("chat.completion", "tiny"), (json.GetProperty("object").GetString(), json.GetProperty("model").GetString()));
        var choice = Assert.Single(json.GetProperty("choices").EnumerateArray());
        Assert.Equal(
            ("assistant", "length", JsonValueKind.Null),
            (choice.GetProperty("message").GetProperty("role").GetString(), choice.GetProperty("finish_reason")
                .GetString(), choice.GetProperty("logprobs").ValueKind));
        var usage = json.GetProperty("usage");
        Assert.Equal(7, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(_server.Tiny.Tokenizer.Encode("Q: Name a fruit.\nA:").Length, usage.GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(usage.GetProperty("prompt_tokens").GetInt32() + 7, usage.GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public async Task A_stream_is_the_whole_answer_in_pieces()
    {
        object Body(bool stream) =>
            new { model = "tiny", messages = Say("Name a fruit."), max_tokens = 40, seed = 5, n = 3, logprobs = true, top_logprobs = 2, stream };
        var whole = await _server.Post(Chat, Body(false));
        var chunks = await _server.Stream(Chat, Body(true));

        for (var i = 0; i < 3; i++)
        {
            var expected = whole.GetProperty("choices")[i];
            var own = chunks.Select(chunk => chunk.GetProperty("choices")[0]).Where(choice => choice.GetProperty("index").GetInt32() == i).ToArray();
            Assert.Equal("assistant", own[0].GetProperty("delta").GetProperty("role").GetString());
            Assert.Equal(
                expected.GetProperty("message").GetProperty("content").GetString(),
                string.Concat(own.Select(choice => choice.GetProperty("delta").TryGetProperty("content", out var text) ? text.GetString() : "")));
            Assert.Equal(
                expected.GetProperty("logprobs").GetProperty("content").EnumerateArray().Select(token => token.GetRawText()),
                own.Where(choice => choice.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
                    .SelectMany(choice => choice.GetProperty("logprobs").GetProperty("content").EnumerateArray()).Select(token => token.GetRawText()));
            Assert.Equal(expected.GetProperty("finish_reason").GetString(), own[^1].GetProperty("finish_reason").GetString());
            Assert.All(own[..^1], choice => Assert.Equal(JsonValueKind.Null, choice.GetProperty("finish_reason").ValueKind));
        }

        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString()));
        Assert.All(chunks, chunk => Assert.False(chunk.TryGetProperty("usage", out _)));
    }

    [Fact]
    public async Task A_stream_tells_the_numbers_of_tokens_where_they_are_asked_for()
    {
        var chunks = await _server.Stream(
            Chat, new { model = "tiny", messages = Say("x"), max_tokens = 5, seed = 1, stream = true, stream_options = new { include_usage = true } });

        Assert.Empty(chunks[^1].GetProperty("choices").EnumerateArray());
        Assert.Equal(5, chunks[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.All(chunks[..^1], chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_answer_whoever_else_asks()
    {
        async Task<string> Text(int seed) => TextOf(await _server.Post(Completions, new { model = "tiny", prompt = "An apple", max_tokens = 30, seed }));
        var alone = await Text(3);
        var crowd = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Text(i)));

        Assert.Equal(alone, crowd[3]);
        Assert.Equal(10, crowd.Distinct().Count());
        Assert.NotEqual(await Text(-1), await Text(-2));
        Assert.NotEqual(
            TextOf(await _server.Post(Completions, new { model = "tiny", prompt = "An apple", max_tokens = 30 })),
            TextOf(await _server.Post(Completions, new { model = "tiny", prompt = "An apple", max_tokens = 30 })));
    }

    [Fact]
    public async Task An_answer_ends_before_its_stop_however_tokens_cut_it()
    {
        var whole = TextOf(await _server.Post(Completions, new { model = "tiny", prompt = "An apple", max_tokens = 60, seed = 4 }));
        // Three characters that the text holds, wherever tokens end.
        foreach (var at in new[] { 5, 11, 20 })
        {
            var stop = whole.Substring(at, 3);
            var cut = whole[..whole.IndexOf(stop, StringComparison.Ordinal)];
            var json = await _server.Post(Completions, new { model = "tiny", prompt = "An apple", max_tokens = 60, seed = 4, stop, logprobs = 0 });
            Assert.Equal((cut, "stop"), (TextOf(json), json.GetProperty("choices")[0].GetProperty("finish_reason").GetString()));
            Assert.All(json.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("text_offset").EnumerateArray(),
                offset => Assert.True(offset.GetInt32() < Math.Max(1, cut.Length)));
            var chunks = await _server.Stream(
                Completions, new { model = "tiny", prompt = "An apple", max_tokens = 60, seed = 4, stop = new[] { stop, "never there" }, stream = true });
            Assert.Equal(cut, string.Concat(chunks.Select(TextOf)));
        }
    }

    [StoriesFact]
    public async Task A_stop_that_ends_the_prompt_does_not_end_the_answer()
    {
        var models = new ServedModels([ServedLanguageModel.Load("stories", StoriesFactAttribute.Model, new ServingSettings(1, 1))]);
        await using var server = await TinyServer.Start(models, Directory.CreateTempSubdirectory("rlhf-serve-").FullName);
        object Body(bool stream) => new { model = "stories", prompt = "Once upon a time.\n", max_tokens = 6, temperature = 0, stop = "\n", stream };

        Assert.Equal("One day, a", TextOf(await server.Post(Completions, Body(false))));
        Assert.Equal("One day, a", string.Concat((await server.Stream(Completions, Body(true))).Select(TextOf)));
    }

    [Fact]
    public async Task Bytes_of_the_tokens_are_the_text()
    {
        var choice =
            (await _server.Post(Chat, new { model = "tiny", messages = Say("x"), max_tokens = 50, seed = 2, logprobs = true, top_logprobs = 5 })).GetProperty(
                "choices")[0];
        var tokens = choice.GetProperty("logprobs").GetProperty("content").EnumerateArray().ToArray();
        byte[] bytes = [.. tokens.SelectMany(token => token.GetProperty("bytes").EnumerateArray()).Select(value => value.GetByte())];
        var text = Encoding.UTF8.GetString(bytes);

        Assert.Equal(choice.GetProperty("message").GetProperty("content").GetString(), text.StartsWith(' ') ? text[1..] : text);
        Assert.All(tokens, token =>
        {
            var top = token.GetProperty("top_logprobs").EnumerateArray().Select(item => item.GetProperty("logprob").GetSingle()).ToArray();
            Assert.Equal(5, top.Length);
            Assert.Equal(top.OrderDescending(), top);
            Assert.True(token.GetProperty("logprob").GetSingle() <= top[0]);
        });
    }

    [Fact]
    public async Task Completions_take_texts_and_token_ids_and_several_of_them()
    {
        var ids = _server.Tiny.Tokenizer.Encode("An apple");
        int[] withBeginning = [_server.Tiny.Tokenizer.BeginningOfSequence!.Value, .. ids];
        var one = TextOf(await _server.Post(Completions, new { model = "tiny", prompt = "An apple", seed = 1 }));
        var json = await _server.Post(Completions, new { model = "tiny", prompt = new[] { "An apple", "A pear" }, seed = 1, n = 2, temperature = 0 });
        var byIds = TextOf(await _server.Post(Completions, new { model = "tiny", prompt = ids, seed = 1 }));
        var byMore = TextOf(await _server.Post(Completions, new { model = "tiny", prompt = withBeginning, seed = 1 }));

        Assert.Contains(one, new[] { byIds, byMore });
        var choices = json.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("text").GetString()).ToArray();
        Assert.Equal(4, choices.Length);
        Assert.Equal(choices[0], choices[1]); // greedy
        Assert.Equal(choices[2], choices[3]);
        Assert.Equal(4 * 16, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    /// <summary>Without the wish the conversation is refused as OpenAI's servers do; with it the oldest turns go.</summary>
    [Fact]
    public async Task A_conversation_that_fills_the_context_goes_on_without_its_oldest_turns_where_asked()
    {
        object[] messages =
        [
            new { role = "system", content = "Be kind." },
            .. Enumerable.Range(0, 9).Select(i => (object)new { role = i % 2 == 0 ? "user" : "assistant", content = new string('x', 60) }),
        ];
        using var refused =
            await _server.Client.PostAsync(new Uri(Chat, UriKind.Relative), JsonContent(new { model = "tiny", messages, temperature = 0, max_tokens = 200 }));
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, refused.StatusCode);

        var json = await _server.Post(Chat, new { model = "tiny", messages, temperature = 0, max_tokens = 200, truncation = "oldest_turns" });
        var leftOut = json.GetProperty("left_out_messages").GetInt32();
        Assert.InRange(leftOut, 2, 6);
        Assert.Equal(0, leftOut % 2);
        Assert.Equal("length", json.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal(200, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        var kept = await _server.Post(
            Chat, new { model = "tiny", messages = (object[])[messages[0], .. messages[(1 + leftOut)..]], temperature = 0, max_tokens = 200 });
        Assert.Equal(kept.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(), json.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());

        // Half of the context is the usual answer; of a conversation that fits nothing is left out.
        var shorter = await _server.Post(Chat, new { model = "tiny", messages = Say("x"), temperature = 0, truncation = "oldest_turns" });
        Assert.Equal((0, TinyServer.Context / 2),
            (shorter.GetProperty("left_out_messages").GetInt32(), shorter.GetProperty("usage").GetProperty("completion_tokens").GetInt32()));
        Assert.False(kept.TryGetProperty("left_out_messages", out _));
    }

    private static StringContent JsonContent(object body) => new(JsonSerializer.Serialize(body), System.Text.Encoding.UTF8, "application/json");

    [Theory]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "truncation": "auto"}""", 400, "truncation", "invalid_value")]
    [InlineData(Chat, """{"messages": [{"role": "user", "content": "x"}]}""", 400, "model", "missing_required_parameter")]
    [InlineData(Chat, """{"model": "nobody", "messages": [{"role": "user", "content": "x"}]}""", 404, "model", "model_not_found")]
    [InlineData(Chat, """{"model": "rm", "messages": [{"role": "user", "content": "x"}]}""", 400, "model", null)]
    [InlineData(Chat, """{"model": "tiny", "messages": []}""", 400, "messages", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "robot", "content": "x"}]}""", 400, "messages[0].role", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}""", 400,
        "messages[0].content", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "assistant", "content": "x"}]}""", 400, "messages", null)]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "temperature": 3}""", 400, "temperature", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "model": "rm", "messages": [{"role": "user", "content": "x"}]}""", 400, null, null)]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "role": "system", "content": "x"}]}""", 400, null, null)]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "temprature": 1}""", 400, "temprature", "unknown_parameter")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}""", 400, "tools",
        "unsupported_parameter")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "presence_penalty": 3}""", 400, "presence_penalty",
        "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"100000": 1}}""", 400, "logit_bias", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "logit_bias": {"5": 101}}""", 400, "logit_bias", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "logit_bias": [1]}""", 400, "logit_bias", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "continue_final_message": true}""", 400, "continue_final_message",
        null)]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "continue_final_message": true, "add_generation_prompt": true}""",
        400, "continue_final_message", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "add_generation_prompt": false}""", 400, "add_generation_prompt",
        "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"enable_thinking": false}}""", 400,
        "chat_template_kwargs", "unknown_parameter")]
    [InlineData(Completions, """{"model": "tiny", "prompt": "x", "max_tokens": 0}""", 400, "max_tokens", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "top_logprobs": 2}""", 400, "top_logprobs", null)]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "stream_options": {}}""", 400, "stream_options", null)]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1000}""", 400, "messages", "context_length_exceeded")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "stop": ["a", ""]}""", 400, "stop", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "n": 0}""", 400, "n", "invalid_value")]
    [InlineData(Chat, """{"model": 3}""", 400, "model", "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "\ud800"}]}""", 400, null, "invalid_value")]
    [InlineData(Chat, """{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "\ud800": 1}""", 400, null, "invalid_value")]
    [InlineData(Chat, "[]", 400, null, null)]
    [InlineData(Chat, "{", 400, null, null)]
    [InlineData(Completions, """{"model": "tiny", "prompt": [100000]}""", 400, "prompt", "invalid_value")]
    [InlineData(Completions, """{"model": "tiny", "prompt": []}""", 400, "prompt", "invalid_value")]
    [InlineData(Completions, """{"model": "tiny", "prompt": "x", "echo": 1}""", 400, "echo", "invalid_value")]
    [InlineData("/v1/embeddings", """{"model": "tiny", "input": "x"}""", 404, null, "unknown_url")]
    public async Task What_is_wrong_is_said_in_openais_form(string path, string body, int status, string? parameter, string? code)
    {
        var (found, error) = await _server.Refused(path, body);

        Assert.Equal((status, parameter, code), (found, error.GetProperty("param").GetString(), error.GetProperty("code").GetString()));
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
    }

    [Theory]
    [InlineData(Chat, "messages")]
    [InlineData(Completions, "prompt")]
    [InlineData("/v1/score", "answers")]
    public async Task A_text_that_cannot_fit_is_refused_before_it_is_made_into_tokens(string path, string parameter)
    {
        var text = new string('x', 3_900_000);
        object body = path switch
        {
            Chat => new { model = "tiny", messages = new[] { new { role = "user", content = text } } },
            Completions => new { model = "tiny", prompt = text },
            _ => new { model = "rm", prompt = "x", answers = new[] { text } },
        };
        var (status, error) = await _server.Refused(path, JsonSerializer.Serialize(body));

        Assert.Equal((400, parameter, "context_length_exceeded"), (status, error.GetProperty("param").GetString(), error.GetProperty("code").GetString()));
        var limit = TinyServer.Context * _server.Tiny.Tokenizer.LongestToken;
        Assert.InRange(limit!.Value, TinyServer.Context, text.Length);
    }

    [Fact]
    public async Task Who_has_left_is_not_worked_for()
    {
        using var left = new CancellationTokenSource();
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => ServedModel.Encoding<int>(() => throw new InvalidOperationException("worked"), left.Token));
    }

    [Fact]
    public async Task Parameters_that_ask_for_nothing_are_accepted()
    {
        var json = await _server.Post(Chat, new
        {
            model = "tiny",
            messages = new object[]
            {
                new { role = "developer", content = "Be kind." },
                new { role = "user", content = new[] { new { type = "text", text = "x" } } },
            },
            max_completion_tokens = 2,
            presence_penalty = 0,
            frequency_penalty = 0.0,
            tools = Array.Empty<object>(),
            response_format = new { type = "text" },
            user = "me",
            logit_bias = (object?)null,
            top_k = 5,
            min_p = 0.1,
            repetition_penalty = 1.1,
        });
        Assert.Equal(2, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task A_body_that_is_too_long_is_refused()
    {
        var (status, error) =
            await _server.Refused(Chat, $$"""{"model": "tiny", "messages": [{"role": "user", "content": "{{new string('x', 5_000_000)}}"}]}""");
        Assert.Equal((413, "invalid_request_error"), (status, error.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task Models_are_listed_and_found_by_name()
    {
        var list = await _server.Get("/v1/models");
        Assert.Equal(["tiny", "other", "rm"], list.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()));
        Assert.Equal("reward", (await _server.Get("/v1/models/rm")).GetProperty("kind").GetString());
        using var missing = await _server.Client.GetAsync(new Uri("/v1/models/a/b", UriKind.Relative));
        Assert.Equal(404, (int)missing.StatusCode);
    }

    [Fact]
    public async Task A_reward_model_scores_answers_as_the_score_command_does()
    {
        var json = await _server.Post("/v1/score", new { model = "rm", prompt = "Name a fruit.", answers = new[] { "An apple.", "A pear.", "An apple." } });
        var scores = json.GetProperty("data").EnumerateArray().Select(item => item.GetProperty("score").GetSingle()).ToArray();
        Assert.Equal(scores[0], scores[2]);
        Assert.NotEqual(scores[0], scores[1]);

        var rows = Path.Combine(_server.Folder, "rows.jsonl");
        await File.WriteAllTextAsync(rows, """{"prompt": "Name a fruit.", "response": "An apple."}""");
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.True(Cli.Program.Run(["score", "--model", Path.Combine(_server.Folder, "rm"), "--data", rows, "--json"], output, error) == 0, error.ToString());
        Assert.Equal(scores[0], JsonDocument.Parse(output.ToString()).RootElement.GetProperty("reward").GetSingle());

        Assert.Equal(400, (await _server.Refused("/v1/score", """{"model": "tiny", "prompt": "x", "answers": ["y"]}""")).Status);
        Assert.Equal(400, (await _server.Refused("/v1/score", """{"model": "rm", "prompt": "x", "answers": [""]}""")).Status);
        Assert.Equal(400, (await _server.Refused("/v1/score", """{"model": "rm", "answers": ["y"]}""")).Status);
    }

    internal static object[] Say(string text) => [new { role = "user", content = text }];

    private static string TextOf(JsonElement json) => json.GetProperty("choices")[0].GetProperty("text").GetString()!;
}

/// <summary>A fact that needs a model whose tokenizer has byte tokens; skipped, and says so, where it is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class StoriesFactAttribute : FactAttribute
{
    public StoriesFactAttribute()
    {
        if (!Directory.Exists(Model))
        {
            Skip = $"{Model} is absent";
        }
    }

    public static string Model { get; } = Path.GetFullPath(Path.Combine(NodeFactAttribute.Folder, "..", "..", "..", "shared", "data", "stories260k"));
}
