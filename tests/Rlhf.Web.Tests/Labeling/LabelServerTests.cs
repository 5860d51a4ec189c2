using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Rlhf.Labelers.Store;
using Rlhf.Web.Labeling;
using Rlhf.Web.Security;
using Rlhf.World;

namespace Rlhf.Web.Tests.Labeling;

public sealed class LabelServerTests
{
    private static HttpClient Client(TestServer server, string? token = null)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = server.Address };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Add("Cookie", $"rlhf_token={token}");
        }

        return client;
    }

    private static HttpRequestMessage RequestTo(RouteEndpoint endpoint, string method)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), endpoint.RoutePattern.RawText!.Replace("{task:long}", "1", StringComparison.Ordinal));
        if (method == "POST")
        {
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        }

        return request;
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    public async Task Every_route_has_a_rule_and_holds_it(string host)
    {
        var tokens = new Dictionary<string, string> { ["wrong"] = AccessToken.Create() };
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import(TestStore.Rows(1));
            tokens["labeler"] = store.AddUser("ann", UserRole.Labeler);
            tokens["owner"] = store.AddUser("boss", UserRole.Owner);
            tokens["revoked"] = store.AddUser("gone", UserRole.Owner);
            store.Revoke("gone");
        }, host);
        var endpoints = ((IEndpointRouteBuilder)server.App).DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>().ToList();
        var open = new List<string>();
        foreach (var endpoint in endpoints)
        {
            var path = endpoint.RoutePattern.RawText!;
            var method = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Single();
            var role = endpoint.Metadata.GetMetadata<AccessRule>()!.Role;
            Assert.Contains(method, (string[])["GET", "POST"]);
            Assert.Equal(
                path.StartsWith("/owner", StringComparison.Ordinal) || path.StartsWith("/api/owner/", StringComparison.Ordinal), role == UserRole.Owner);
            if (role is null)
            {
                open.Add(path);
            }

            foreach (var (name, least) in ((string?, UserRole?)[])[(null, null), ("wrong", null), ("revoked", null), ("labeler", UserRole.Labeler),
                ("owner", UserRole.Owner)])
            {
                using var client = Client(server, name is null ? null : tokens[name]);
                using var request = RequestTo(endpoint, method);
                using var answer = await client.SendAsync(request);
                var refused = role is not null && (least is null || (role == UserRole.Owner && least != UserRole.Owner));
                var expected = !refused ? 0 : least is null ? HttpStatusCode.Unauthorized : HttpStatusCode.Forbidden;
                Assert.True(refused
                    ? answer.StatusCode == expected
                    : answer.StatusCode is not HttpStatusCode.Forbidden && (path == "/api/login" || answer.StatusCode is not HttpStatusCode.Unauthorized),
                    $"{method} {path} as {name ?? "nobody"}: {answer.StatusCode}");
            }
        }

        Assert.Equal(["/api.js", "/api/login", "/api/logout", "/icon.svg", "/label.css", "/login", "/login.js"], open.Order(StringComparer.Ordinal));
        using var nobody = Client(server);
        Assert.Equal(HttpStatusCode.NotFound, (await nobody.GetAsync(new Uri("/nothing", UriKind.Relative))).StatusCode);
    }

    [Fact]
    public async Task A_token_becomes_a_cookie_that_scripts_and_other_sites_cannot_use()
    {
        var token = "";
        await using var server = await TestServer.StartAsync(store => token = store.AddUser("boss", UserRole.Owner));
        using var client = Client(server);
        using var page = new HttpRequestMessage(HttpMethod.Get, "/");
        page.Headers.Add("Accept", "text/html");
        using var redirected = await client.SendAsync(page);
        Assert.Equal("/login", redirected.Headers.Location!.ToString());

        using var wrong = await client.PostAsJsonAsync("/api/login", new { token = "guess" });
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        using var right = await client.PostAsJsonAsync("/api/login", new { token });
        var cookie = Assert.Single(right.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith($"rlhf_token={token}; path=/; samesite=strict; httponly", cookie, StringComparison.Ordinal);
    }

    [Fact]
    public void Others_are_not_let_in_without_an_owner()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.AddUser("ann", UserRole.Labeler);
        Assert.Throws<InputException>(() => LabelServer.Create(test.Store, new WebSettings { Host = "0.0.0.0" }));
        Assert.Throws<InputException>(() => LabelServer.Create(test.Store, new WebSettings { PublicUrl = new Uri("https://label.example") }));
        test.Store.AddUser("boss", UserRole.Owner);
        Assert.NotNull(LabelServer.Create(test.Store, new WebSettings { Host = "0.0.0.0" }));
    }

    [Fact]
    public async Task The_owner_imports_and_exports()
    {
        await using var server = await TestServer.StartAsync();
        using var client = Client(server);
        using var rows =
            new StringContent("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"], \"ranking\": [[1], [0]], \"labeler\": \"ann\"}\n", Encoding.UTF8);
        rows.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue("application/x-ndjson");
        using var imported = await client.PostAsync(new Uri("/api/owner/import?round=7", UriKind.Relative), rows);
        Assert.Equal("{\"added\":1,\"known\":0,\"rankings\":1}", await imported.Content.ReadAsStringAsync());

        using var exported = JsonDocument.Parse(await client.GetStringAsync(new Uri("/api/owner/export?round=7", UriKind.Relative)));
        Assert.Equal(("ann", "7"), (exported.RootElement.GetProperty("labeler").GetString(), exported.RootElement.GetProperty("round").GetString()));
        Assert.Equal("", await client.GetStringAsync(new Uri("/api/owner/export?round=8", UriKind.Relative)));
    }

    [Theory]
    [InlineData("/api/rankings", "{\"task\": 1, \"key\": \"12345678\", \"judgement\": {\"tiers\": [[0], [0]]}, \"seconds\": 1}", HttpStatusCode.BadRequest)]
    [InlineData("/api/rankings", "{\"task\": 1, \"key\": \"12345678\", \"judgement\": {\"tiers\": [null]}, \"seconds\": 1}", HttpStatusCode.BadRequest)]
    [InlineData("/api/rankings", "{\"task\": 1, \"key\": \"12345678\", \"judgement\": {\"tiers\": [[0], [1], [2]], \"flags\": null}, \"seconds\": 1}",
        HttpStatusCode.BadRequest)]
    [InlineData("/api/rankings", "{\"task\": 1, \"key\": \"12345678\", \"judgement\": {\"tiers\": [[0], [1], [2]]}, \"seconds\": -1}",
        HttpStatusCode.BadRequest)]
    [InlineData("/api/rankings", "{\"task\": 77, \"key\": \"12345678\", \"judgement\": {\"tiers\": [[0], [1], [2]]}, \"seconds\": 1}", HttpStatusCode.Conflict)]
    [InlineData("/api/rankings", "{\"task\": 1, \"key\": \"12345678\", \"judgement\": {\"tiers\": [[0], [1], [2]]}, \"seconds\": 1}", HttpStatusCode.OK)]
    [InlineData("/api/owner/settings", "{\"overlap\": 0}", HttpStatusCode.BadRequest)]
    [InlineData("/api/owner/settings", "{\"calibration_share\": 2}", HttpStatusCode.BadRequest)]
    [InlineData("/api/owner/settings", "{\"overlap\": 2}", HttpStatusCode.OK)]
    [InlineData("/api/owner/settings", "{\"overlapp\": 2}", HttpStatusCode.BadRequest)]
    [InlineData("/api/owner/settings", "{\"overlap\": 2, \"overlap\": 3}", HttpStatusCode.BadRequest)]
    [InlineData("/api/owner/settings", "{\"Overlap\": 2}", HttpStatusCode.BadRequest)]
    [InlineData("/api/owner/settings", "{\"overlap\": 2, \"was\": {\"overlap\": 1}}", HttpStatusCode.OK)]
    [InlineData("/api/owner/settings", "{\"overlap\": 2, \"was\": {\"overlap\": 7}}", HttpStatusCode.Conflict)]
    [InlineData("/api/owner/settings", "{\"overlap\": 1, \"was\": {\"overlap\": 7}}", HttpStatusCode.OK)]
    [InlineData("/api/owner/settings", "{\"instructions\": \"x\", \"was\": {\"overlap\": 7}}", HttpStatusCode.OK)]
    [InlineData("/api/owner/adjudicate", "{\"task\": 1, \"tasks\": 2}", HttpStatusCode.BadRequest)]
    [InlineData("/api/rankings", "{\"task\": 1, \"key\": \"12345678\", \"judgement\": {\"tiers\": [[0], [1], [2]], \"coment\": \"x\"}, \"seconds\": 1}",
        HttpStatusCode.BadRequest)]
    [InlineData("/api/owner/adjudicate", "{\"task\": 77}", HttpStatusCode.Conflict)]
    public async Task A_request_that_makes_no_sense_is_refused(string path, string json, HttpStatusCode expected)
    {
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import(TestStore.Rows(1));
            store.Next(store.LocalUser(), []);
        });
        using var client = Client(server);
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(new Uri(path, UriKind.Relative), content);
        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/owner/export?everything=yes")]
    [InlineData("/api/owner/export?rounds=1")]
    [InlineData("/api/owner/export?round=1&round=2")]
    [InlineData("/api/owner/import?calibrate=true")]
    [InlineData("/api/owner/import?calibration=1")]
    public async Task A_parameter_that_makes_no_sense_is_refused_in_plain_words(string path)
    {
        await using var server = await TestServer.StartAsync();
        using var client = Client(server);
        using var rows = new StringContent("{\"prompt\": \"x\", \"responses\": [\"a\", \"b\"]}");
        rows.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue("application/x-ndjson");
        using var answer = await (path.Contains("import", StringComparison.Ordinal)
            ? client.PostAsync(new Uri(path, UriKind.Relative), rows)
            : client.GetAsync(new Uri(path, UriKind.Relative)));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotContain("Nullable", text, StringComparison.Ordinal);
        Assert.Empty(server.Store.Tasks());
    }

    [Fact]
    public async Task Every_task_says_which_instructions_hold()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        using var client = Client(server);
        async Task<string> Version(string path, object body) =>
            JsonDocument.Parse(await (await client.PostAsJsonAsync(path, body)).Content.ReadAsStringAsync()).RootElement.GetProperty("instructions_version")
                .GetString()!;
        var before = await Version("/api/next", new { holding = Array.Empty<long>() });
        Assert.Equal(before, await Version("/api/renew", new { tasks = new[] { 1 } }));
        server.Store.Change(settings => settings with { Overlap = 2 });
        Assert.Equal(before, await Version("/api/next", new { holding = Array.Empty<long>() }));
        server.Store.Change(settings => settings with { Instructions = "Others" });
        Assert.NotEqual(before, await Version("/api/next", new { holding = Array.Empty<long>() }));
        Assert.NotEqual(before, await Version("/api/renew", new { tasks = new[] { 1 } }));
    }
}
