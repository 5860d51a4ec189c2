using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Rlhf.Labelers.Store;
using Rlhf.Web.Security;
using Rlhf.World;

namespace Rlhf.Web.Tests.Security;

public sealed class WebDefaultsTests
{
    private sealed record Body(string Name);

    private static async Task<HttpResponseMessage> Ask(HttpRequestMessage request, WebSettings? settings = null, int times = 1)
    {
        await using var app = WebDefaults.Create(settings ?? new WebSettings());
        app.MapGet("/", () => "hello");
        app.MapPostJson<Body>("/", (_, body) => WebJson.Result(body));
        app.MapGet("/broken", string () => throw new InvalidOperationException("secret"));
        var address = await WebDefaults.StartAsync(app);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{address.Port}") };
        for (var i = 1; i < times; i++)
        {
            using var response = await client.GetAsync(new Uri("/", UriKind.Relative));
        }

        return await client.SendAsync(request);
    }

    private static HttpRequestMessage Get(string path = "/", string? host = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Host = host;
        return request;
    }

    private static HttpRequestMessage Post(string json, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        return request;
    }

    [Fact]
    public async Task Every_answer_forbids_foreign_and_inline_scripts()
    {
        foreach (var path in new[] { "/", "/nothing-here", "/broken" })
        {
            using var answer = await Ask(Get(path));
            Assert.Equal(WebDefaults.ContentSecurityPolicy, Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
            Assert.Empty(answer.Headers.Server);
        }
    }

    [Theory]
    [InlineData("localhost", HttpStatusCode.OK)]
    [InlineData("LOCALHOST", HttpStatusCode.OK)]
    [InlineData("LocalHost:8080", HttpStatusCode.OK)]
    [InlineData("127.0.0.1:8080", HttpStatusCode.OK)]
    [InlineData("LOCALHOST.evil.example", HttpStatusCode.Forbidden)]
    [InlineData("evil.example", HttpStatusCode.Forbidden)]
    [InlineData("127.0.0.1.evil.example", HttpStatusCode.Forbidden)]
    public async Task A_name_that_was_made_to_point_here_is_refused(string host, HttpStatusCode expected)
    {
        using var answer = await Ask(Get(host: host));
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-origin", HttpStatusCode.OK)]
    [InlineData("Origin", "http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "null", HttpStatusCode.Forbidden)]
    [InlineData("Accept", "*/*", HttpStatusCode.OK)]
    public async Task Other_sites_cannot_change_anything(string header, string value, HttpStatusCode expected)
    {
        using var answer = await Ask(Post("{\"name\": \"x\"}", (header, value)));
        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Behind_a_proxy_only_the_public_address_is_ours()
    {
        var settings = new WebSettings { Host = "0.0.0.0", PublicUrl = new Uri("https://label.example") };
        using var ours = await Ask(Get(host: "Label.Example"), settings);
        using var other = await Ask(Get(host: "evil.example"), settings);
        using var post = Post("{\"name\": \"x\"}", ("Origin", "https://label.example"), ("Host", "LABEL.example"));
        using var posted = await Ask(post, settings);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Forbidden, HttpStatusCode.OK), (ours.StatusCode, other.StatusCode, posted.StatusCode));
    }

    [Fact]
    public async Task A_body_of_the_right_form_arrives()
    {
        using var answer = await Ask(Post("{\"name\": \"<x>\"}"));
        Assert.Equal("{\"name\":\"\\u003Cx\\u003E\"}", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"name\": null}")]
    [InlineData("{\"name\": 3}")]
    public async Task A_body_of_another_form_is_the_clients_fault(string json)
    {
        using var answer = await Ask(Post(json));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private sealed record Inner(int Count, IReadOnlyList<double> Parts);

    private sealed record Outer(string Name, bool Flag, Inner? Inside = null);

    [Theory]
    [InlineData("{\"name\": 3, \"flag\": true}", "'name': expected a text")]
    [InlineData("{\"name\": \"x\", \"flag\": \"yes\"}", "'flag': expected true or false")]
    [InlineData("{\"name\": \"x\"}", "Missing: 'flag'.")]
    [InlineData("{\"name\": null, \"flag\": true}", "'name' must not be null")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"flagg\": true}", "The key 'flagg' is not known. Did you mean 'flag'?")]
    [InlineData("{\"NAME\": \"x\", \"flag\": true}", "The key 'NAME' is not known")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"name\": \"y\"}", "The key 'name' is there twice")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": {\"count\": 1, \"parts\": [], \"count\": 2}}", "The key 'count' is there twice")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": {\"count\": 1.5, \"parts\": []}}", "'inside.count': expected a whole number")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": {\"count\": \"1\", \"parts\": []}}", "'inside.count': expected a whole number")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": {\"count\": 1e99, \"parts\": []}}", "'inside.count': expected a whole number")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": {\"count\": 1, \"parts\": {}}}", "'inside.parts': expected a list")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": {\"count\": 1, \"parts\": [\"a\"]}}", "'inside.parts[0]': expected a number")]
    [InlineData("{\"name\": \"x\", \"flag\": true, \"inside\": 3}", "'inside': expected an object")]
    [InlineData("[]", "The body: expected an object")]
    [InlineData("{\"name\": \"\\ud800\", \"flag\": true}", "'name': expected a text")]
    [InlineData("{\"name\": \"x\",", "It is not JSON")]
    public async Task What_is_wrong_with_a_body_is_said_in_the_senders_words(string json, string expected)
    {
        await using var app = WebDefaults.Create(new WebSettings());
        app.MapPostJson<Outer>("/", (_, body) => WebJson.Result(body));
        var address = await WebDefaults.StartAsync(app);
        using var client = new HttpClient { BaseAddress = address };
        using var answer = await client.SendAsync(Post(json));
        var text = System.Text.Json.Nodes.JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!.GetValue<string>();
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(expected, text, StringComparison.Ordinal);
        foreach (var inner in (string[])["System.", "Rlhf.", "Outer", "Path:", ".NET", "`"])
        {
            Assert.DoesNotContain(inner, text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/nothing", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html")]
    [InlineData("/nothing", "*/*", "application/json")]
    [InlineData("/api/nothing", "text/html", "application/json")]
    [InlineData("/v1/nothing", "text/html", "application/json")]
    [InlineData("/broken", "text/html", "text/html")]
    [InlineData("/<script>", "text/html", "text/html")]
    public async Task A_person_gets_a_page_and_a_program_json(string path, string accept, string expected)
    {
        using var request = Get(path);
        request.Headers.Add("Accept", accept);
        using var answer = await Ask(request);
        Assert.Equal(path == "/broken" ? HttpStatusCode.InternalServerError : HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal(expected, answer.Content.Headers.ContentType!.MediaType);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains(path == "/broken" ? "The server failed" : "There is nothing here.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", text, StringComparison.Ordinal);
        Assert.DoesNotContain('{', expected == "text/html" ? text : "");
    }

    [Fact]
    public async Task A_body_above_the_limit_is_not_read()
    {
        using var answer = await Ask(Post($"{{\"name\": \"{new string('x', 5000)}\"}}"), new WebSettings { MaximumBodyBytes = 1000 });
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task A_client_that_asks_too_often_is_told_to_wait()
    {
        using var answer = await Ask(Get(), new WebSettings { RequestsPerMinute = 20 }, times: 40);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
    }

    [Fact]
    public async Task Another_cookie_each_time_does_not_make_another_client()
    {
        await using var app = WebDefaults.Create(new WebSettings { RequestsPerMinute = 2 });
        app.MapGet("/", () => "hello");
        var address = await WebDefaults.StartAsync(app);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = address };
        var refused = false;
        for (var i = 0; i < 300 && !refused; i++)
        {
            using var request = Get();
            request.Headers.Add("Cookie", $"rlhf_token=guess{i}");
            using var answer = await client.SendAsync(request);
            refused = answer.StatusCode == HttpStatusCode.TooManyRequests;
        }

        Assert.True(refused);
    }

    [Fact]
    public async Task A_failure_is_logged_and_not_told()
    {
        using var log = new StringWriter();
        using var answer = await Ask(Get("/broken"), new WebSettings { Log = log });
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.DoesNotContain("secret", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("secret", log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Errors_take_the_form_that_the_server_chose()
    {
        using var answer = await Ask(Post("{"), new WebSettings { ErrorBody = (status, message) => new { Status = status, Why = message.Length > 0 } });
        Assert.Equal("{\"status\":400,\"why\":true}", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public void Tokens_differ_and_match_only_themselves()
    {
        var (one, two) = (AccessToken.Create(), AccessToken.Create());
        Assert.Equal(43, one.Length);
        Assert.True(AccessToken.Matches(one, one));
        Assert.False(AccessToken.Matches(one, two));
        Assert.NotEqual(AccessToken.HashOf(one), AccessToken.HashOf(two));
    }
}
