using System.Net;
using System.Text;
using System.Text.Json;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers.Store;
using Rlhf.Web.Serving;

namespace Rlhf.Web.Tests.Serving;

/// <summary>Health, metrics, other sites, and what is kept of people's opinions.</summary>
public sealed class OperatorTests
{
    private const string Site = "https://chat.example.org";

    [Fact]
    public async Task Metrics_count_what_was_done()
    {
        await using var server = await TinyServer.Start();
        Assert.Equal("ok", (await server.Get("/health")).GetProperty("status").GetString());
        var bias = new Dictionary<string, int> { ["1"] = -100 };
        await server.Post("/v1/completions", new { model = "tiny", prompt = new[] { 5, 6, 7 }, max_tokens = 4, seed = 1, n = 2, logit_bias = bias });
        await TinyServer.Until(() => server.Tiny.Worker.Live == 0);
        using var response = await server.Client.GetAsync(new Uri("/metrics", UriKind.Relative));
        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal("text/plain", response.Content.Headers.ContentType!.MediaType);
        foreach (var line in (string[])[
            "rlhf:num_requests_running{model_name=\"tiny\"} 0", "rlhf:num_requests_waiting{model_name=\"other\"} 0",
            "rlhf:generation_tokens_total{model_name=\"tiny\"} 8", "rlhf:prompt_tokens_total{model_name=\"tiny\"} 6",
            "rlhf:request_success_total{model_name=\"tiny\",finished_reason=\"length\"} 2", "rlhf:time_to_first_token_seconds_count{model_name=\"tiny\"} 2",
            "rlhf:inter_token_latency_seconds_bucket{model_name=\"tiny\",le=\"+Inf\"} 6", "rlhf:request_prompt_tokens_bucket{model_name=\"tiny\",le=\"2\"} 0",
            "rlhf:request_prompt_tokens_bucket{model_name=\"tiny\",le=\"5\"} 2", "rlhf:request_generation_tokens_sum{model_name=\"tiny\"} 8",
            "# TYPE rlhf:e2e_request_latency_seconds histogram"])
        {
            Assert.Contains(line + "\n", text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    [InlineData("Bearer wrong", HttpStatusCode.Unauthorized)]
    [InlineData("Basic 0123456789abcdef", HttpStatusCode.Unauthorized)]
    [InlineData("Bearer 0123456789abcdef", HttpStatusCode.OK)]
    public async Task A_server_with_a_key_asks_for_it_at_the_metrics_and_not_at_the_health(string? shown, HttpStatusCode expected)
    {
        await using var server = await TinyServer.Start(apiKey: "0123456789abcdef");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        request.Headers.TryAddWithoutValidation("Authorization", shown);
        using var response = await server.Client.SendAsync(request);
        Assert.Equal(expected, response.StatusCode);
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal(expected == HttpStatusCode.OK, text.Contains("rlhf:", StringComparison.Ordinal));
        Assert.Equal("ok", (await server.Get("/health")).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Other_sites_use_the_api_only_where_they_are_named()
    {
        await using var server = await TinyServer.Start(origins: [Site]);
        async Task<HttpResponseMessage> Ask(HttpMethod method, string path, string? origin, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.TryAddWithoutValidation("Origin", origin);
            request.Headers.TryAddWithoutValidation("Sec-Fetch-Site", origin is null ? "same-origin" : "cross-site");
            if (method == HttpMethod.Options)
            {
                request.Headers.TryAddWithoutValidation("Access-Control-Request-Method", "POST");
                request.Headers.TryAddWithoutValidation("Access-Control-Request-Headers", "authorization,content-type,x-stainless-os");
            }

            request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
            return await server.Client.SendAsync(request);
        }

        static string? Allowed(HttpResponseMessage response) => response.Headers.TryGetValues("Access-Control-Allow-Origin", out var origins) ? origins.Single() : null;
        const string Body = """{"model": "tiny", "prompt": "x", "max_tokens": 1}""";
        using var preflight = await Ask(HttpMethod.Options, "/v1/completions", Site);
        Assert.Equal((HttpStatusCode.NoContent, Site), (preflight.StatusCode, Allowed(preflight)));
        Assert.Contains("x-stainless-os", string.Join(',', preflight.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.Ordinal);
        using var post = await Ask(HttpMethod.Post, "/v1/completions", Site, Body);
        Assert.Equal((HttpStatusCode.OK, Site), (post.StatusCode, Allowed(post)));
        using var list = await Ask(HttpMethod.Get, "/v1/models", Site);
        Assert.Equal(Site, Allowed(list));
        foreach (var other in (string[])["https://evil.example.org", "http://chat.example.org", Site + ":8443", "null"])
        {
            using var refused = await Ask(HttpMethod.Options, "/v1/completions", other);
            Assert.Equal((HttpStatusCode.Forbidden, null), (refused.StatusCode, Allowed(refused)));
            using var sent = await Ask(HttpMethod.Post, "/v1/completions", other, Body);
            Assert.Equal((HttpStatusCode.Forbidden, null), (sent.StatusCode, Allowed(sent)));
            using var read = await Ask(HttpMethod.Get, "/v1/models", other);
            Assert.Null(Allowed(read));
        }

        foreach (var wrong in (string[])["*", "chat.example.org", "https://x.org/path", "ftp://x.org", "https://me@x.org"])
        {
            Assert.Contains("--cors", Assert.Throws<InputException>(() => ModelServer.OriginOf("--cors", wrong)).Message, StringComparison.Ordinal);
        }

        Assert.Equal("http://localhost:3000", ModelServer.OriginOf("--cors", "http://localhost:3000/"));
    }

    [Fact]
    public async Task Opinions_become_comparisons_that_training_reads()
    {
        using var folder = new TemporaryFolder();
        var store = RankingStore.Open(Path.Combine(folder.Path, "feedback.db"));
        await using var server = await TinyServer.Start(feedback: store);
        Assert.True((await server.Get("/v1/feedback")).GetProperty("enabled").GetBoolean());
        object Answer(string text, string model, string? thumb = null) => new { text, model, thumb };
        var messages = CompletionTests.Say("Name a fruit.");
        await server.Post("/v1/feedback", new { messages, answers = new[] { Answer("An apple.", "tiny"), Answer("No.", "other") }, better = 0 });
        await server.Post("/v1/feedback", new { messages = CompletionTests.Say("Name a colour."), answers = new[] { Answer("Red.", "tiny", "up"), Answer("So?", "tiny", "down") }, thumbed = 1 });
        object[] talk = [new { role = "user", content = "Hi" }, new { role = "assistant", content = "Hello" }, new { role = "user", content = "And?" }];
        await server.Post("/v1/feedback", new { messages = talk, answers = new[] { Answer("A", "tiny"), Answer("B", "other") }, better = 0 });
        await server.Post("/v1/feedback", new { messages = talk, answers = new[] { Answer("A", "tiny"), Answer("B", "other") }, better = 1 }); // thinks again
        await server.Post("/v1/feedback", new { messages = talk, answers = new[] { Answer("C", "tiny"), Answer("D", "other") }, better = "tie" });

        var file = Path.Combine(folder.Path, "rows.jsonl");
        using (var writer = new StreamWriter(file))
        {
            Assert.Equal(4, RankingExport.Write(store, writer, new ExportOptions()));
        }

        var rows = (await File.ReadAllLinesAsync(file)).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal("Name a fruit.", rows[0].GetProperty("prompt").GetString());
        Assert.Equal("[\"tiny\",\"other\"]", rows[0].GetProperty("models").GetRawText());
        Assert.Equal("[\"tiny\",\"tiny\"]", rows[1].GetProperty("written_by").GetRawText());
        var read = RankingRows.Read(file).ToArray();
        Assert.Equal(["An apple.", "Red.", "B", "C"], read.Select(row => row.Answers.Responses[row.Judgement!.Tiers![0][0]]));
        Assert.Equal(2, store.History(store.Tasks().Single(task => task.Answers.Responses is ["A", "B"]).Id).Count);
        Assert.Contains(store.Tasks(kind: TaskKind.Review), task => task.Answers.Responses is ["So?"]);

        var rankings = DataReader.Rankings(new DataSource { Path = [file] }, ".", new Ledger("test")).ToList();
        Assert.Equal(4, rankings.Count);
        Assert.Equal(["An apple.", "Red.", "B"], rankings[..3].Select(ranking => ranking.Responses[ranking.Pairs[0].Better]));
    }

    [Theory]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m"}], "better": 0}""", "answers")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m"}, {"text": " a", "model": "n"}], "better": 0}""", "answers")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m"}, {"text": "b", "model": "n"}], "better": 2}""", "better")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m"}]}""", "better")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m"}], "thumbed": 0}""", "answers")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m", "thumb": "left"}], "thumbed": 0}""", "answers[0].thumb")]
    [InlineData("""{"messages": [{"role": "user", "content": "x"}], "answers": [{"text": "a", "model": "m\u202e", "thumb": "up"}, {"text": "b", "model": "n", "thumb": "down"}], "thumbed": 0}""", "answers")]
    public async Task What_is_no_opinion_is_refused(string body, string parameter)
    {
        using var folder = new TemporaryFolder();
        await using var server = await TinyServer.Start(feedback: RankingStore.Open(Path.Combine(folder.Path, "feedback.db")));
        var (status, error) = await server.Refused("/v1/feedback", body);
        Assert.Equal((400, parameter), (status, error.GetProperty("param").GetString()));
    }

    [Fact]
    public async Task Without_a_store_nothing_is_kept()
    {
        await using var server = await TinyServer.Start();
        Assert.False((await server.Get("/v1/feedback")).GetProperty("enabled").GetBoolean());
        Assert.Equal(404, (await server.Refused("/v1/feedback", "{}")).Status);
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("rlhf-feedback-").FullName;

        public void Dispose()
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(Path, recursive: true);
        }
    }
}
