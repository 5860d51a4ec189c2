using System.Text.Json;
using Rlhf.Web.Serving;

namespace Rlhf.Web.Tests.Serving;

/// <summary>Penalties, bias, JSON, and how the prompt ends.</summary>
public sealed class AnswerFormTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions";
    private TinyServer _server = null!;

    public async Task InitializeAsync() => _server = await TinyServer.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Bias_forces_and_forbids_tokens_and_leaves_the_log_probabilities()
    {
        var id = _server.Tiny.Tokenizer.FindId("x")!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture);
        var json = await _server.Post("/v1/completions",
            new { model = "tiny", prompt = "An apple", max_tokens = 4, seed = 1, logprobs = 0, logit_bias = new Dictionary<string, double> { [id] = 100 } });
        Assert.Equal("xxxx", json.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.All(json.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("token_logprobs").EnumerateArray(), score => Assert.True(score.GetSingle() < -2));

        // A presence penalty of 2 is less than a bias of 100, a frequency penalty adds up.
        json = await _server.Post("/v1/completions", new
        {
            model = "tiny",
            prompt = "An apple",
            max_tokens = 100,
            seed = 1,
            frequency_penalty = 2,
            presence_penalty = 2,
            logit_bias = new Dictionary<string, double> { [id] = 40 },
        });
        Assert.InRange(json.GetProperty("choices")[0].GetProperty("text").GetString()!.Count(letter => letter == 'x'), 12, 26);
    }

    [Theory]
    [InlineData("tiny", true)]
    [InlineData("other", false)]
    public async Task A_json_answer_parses_and_has_the_schemas_form_or_is_cut(string model, bool chat)
    {
        object format = new
        {
            type = "json_schema",
            json_schema = new
            {
                name = "fruit",
                strict = true,
                schema = new
                {
                    type = "object",
                    properties = new { name = new { type = "string", maxLength = 12 }, red = new { type = "boolean" }, count = new { type = "integer" } },
                    required = new[] { "name", "red", "count" },
                    additionalProperties = false,
                },
            },
        };
        var ended = 0;
        for (var seed = 0; seed < 8; seed++)
        {
            var json = chat
                ? await _server.Post(Chat, new { model, messages = CompletionTests.Say("x"), seed, max_tokens = 300, response_format = format })
                : await _server.Post("/v1/completions", new { model, prompt = "x", seed, max_tokens = 300, response_format = format });
            var choice = json.GetProperty("choices")[0];
            if (choice.GetProperty("finish_reason").GetString() == "stop")
            {
                ended++;
                var text = chat ? choice.GetProperty("message").GetProperty("content").GetString()! : choice.GetProperty("text").GetString()!;
                using var value = JsonDocument.Parse(text);
                Assert.Equal(["name", "red", "count"], value.RootElement.EnumerateObject().Select(property => property.Name));
                Assert.True(value.RootElement.GetProperty("name").GetString()!.Length <= 24 && value.RootElement.GetProperty("count").TryGetInt64(out _));
            }
        }

        Assert.True(ended > 4);
    }

    [Fact]
    public async Task Any_json_object_can_be_asked_for_and_streamed()
    {
        var body = new { model = "tiny", messages = CompletionTests.Say("x"), seed = 4, max_tokens = 400, response_format = new { type = "json_object" }, temperature = 0.3 };
        var whole = (await _server.Post(Chat, body)).GetProperty("choices")[0];
        Assert.StartsWith("{", whole.GetProperty("message").GetProperty("content").GetString()!.TrimStart(), StringComparison.Ordinal);
        if (whole.GetProperty("finish_reason").GetString() == "stop")
        {
            using var value = JsonDocument.Parse(whole.GetProperty("message").GetProperty("content").GetString()!);
        }
    }

    [Theory]
    [InlineData("""{"type": "json"}""", "response_format", "expected text, json_object or json_schema")]
    [InlineData("""{"type": "json_schema"}""", "response_format", "response_format.json_schema")]
    [InlineData("""{"type": "json_schema", "json_schema": {"name": "x"}}""", "response_format", "response_format.json_schema.schema")]
    [InlineData("""{"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "string", "pattern": "a"}}}""", "response_format", "\"pattern\" at #")]
    [InlineData("""{"type": "json_schema", "json_schema": {"name": 3, "schema": {}}}""", "response_format", "response_format.json_schema.name")]
    [InlineData("""{"type": "json_object", "schema": {}}""", "response_format", "response_format.schema")]
    [InlineData("\"json\"", "response_format", "an object with a type")]
    public async Task Formats_that_are_not_known_are_refused_by_name(string format, string parameter, string said)
    {
        var (status, error) = await _server.Refused(Chat, $$"""{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "response_format": {{format}}}""");
        Assert.Equal((400, parameter), (status, error.GetProperty("param").GetString()));
        Assert.Contains(said, error.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_was_begun_goes_on()
    {
        object[] begun = [new { role = "user", content = "Name a fruit." }, new { role = "assistant", content = "An app" }];
        var json = await _server.Post(
            Chat, new { model = "tiny", messages = begun, continue_final_message = true, add_generation_prompt = false, max_tokens = 6, temperature = 0 });
        var plain = await _server.Post("/v1/completions", new { model = "tiny", prompt = "Q: Name a fruit.\nA: An app", max_tokens = 6, temperature = 0 });

        Assert.Equal(plain.GetProperty("usage").GetProperty("prompt_tokens").GetInt32(), json.GetProperty("usage").GetProperty("prompt_tokens").GetInt32());
        Assert.Equal(
            plain.GetProperty("choices")[0].GetProperty("text").GetString(),
            json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString());
    }

    [Fact]
    public async Task A_chat_template_gets_its_variables_and_may_be_left_open()
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-serve-").FullName;
        var path = TinyServer.Save(folder, "templated", 1, isReward: false);
        File.Delete(Path.Combine(path, "prompt_format.json"));
        await File.WriteAllTextAsync(Path.Combine(path, "chat_template.jinja"),
            "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% if thinks %}<think>{% endif %}{% endif %}");
        await using var server = await TinyServer.Start(new ServedModels([ServedLanguageModel.Load("t", path, new ServingSettings(1, 4))]), folder);
        async Task<int> Tokens(object body) => (await server.Post(Chat, body)).GetProperty("usage").GetProperty("prompt_tokens").GetInt32();
        int Expected(string text) => ((ServedLanguageModel)server.Models.All[0]).Encode(text).Length;
        var messages = CompletionTests.Say("x");

        Assert.Equal(Expected("[user] x\n[assistant] "), await Tokens(new { model = "t", messages, max_tokens = 1 }));
        Assert.Equal(Expected("[user] x\n[assistant] <think>"), await Tokens(new { model = "t", messages, max_tokens = 1, chat_template_kwargs = new { thinks = true } }));
        Assert.Equal(Expected("[user] x\n"), await Tokens(new { model = "t", messages, max_tokens = 1, add_generation_prompt = false }));
        object[] begun = [new { role = "user", content = "x" }, new { role = "assistant", content = "An" }];
        // As in training, no token lies over the border of prompt and answer.
        var begins = ((ServedLanguageModel)server.Models.All[0]).Tokenizer.EncodeContinuation("An").Length;
        Assert.Equal(Expected("[user] x\n[assistant] ") + begins, await Tokens(new { model = "t", messages = begun, max_tokens = 1, continue_final_message = true }));
        var (status, error) = await server.Refused(
            Chat, """{"model": "t", "messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"thinkz": true}}""");
        Assert.Equal((400, "chat_template_kwargs"), (status, error.GetProperty("param").GetString()));
    }
}
