using System.Net;
using System.Net.Http.Json;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Rlhf.Reports;
using Rlhf.Web.Security;
using Rlhf.Web.Watching;

namespace Rlhf.Web.Tests.Watching;

public sealed class WatchServerTests : IAsyncLifetime, IDisposable
{
    private readonly MadeUpRun _run = new();
    private readonly WatchTokens _tokens = WatchTokens.Create();
    private WebApplication? _app;
    private int _port;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _app!.StopAsync();
        await _app.DisposeAsync();
    }

    public void Dispose() => _run.Dispose();

    private async Task Start(string host = "127.0.0.1")
    {
        _app = WatchServer.Create([_run.Folder], new WebSettings { Host = host, RequestsPerMinute = 100_000 }, _tokens);
        _port = (await WebDefaults.StartAsync(_app)).Port;
    }

    private HttpClient Client(string? token = null)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Add("Cookie", $"rlhf_watch_{_port}={token}");
        }

        return client;
    }

    private async Task<HttpStatusCode> Ask(RouteEndpoint endpoint, string? token)
    {
        using var client = Client(token);
        var method = endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Single();
        using var request = new HttpRequestMessage(new HttpMethod(method), endpoint.RoutePattern.RawText);
        if (method == "POST")
        {
            request.Content = new StringContent("{\"run\":0}", Encoding.UTF8, "application/json");
        }

        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return answer.StatusCode;
    }

    [Theory]
    [InlineData("127.0.0.1", WatchRole.Viewer)]
    [InlineData("0.0.0.0", WatchRole.Anybody)]
    public async Task Every_route_has_a_rule_and_holds_it(string host, WatchRole stranger)
    {
        await Start(host);
        var open = new List<string>();
        foreach (var endpoint in ((IEndpointRouteBuilder)_app!).DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>())
        {
            var least = endpoint.Metadata.GetMetadata<WatchRule>()!.Role;
            if (least == WatchRole.Anybody)
            {
                open.Add(endpoint.RoutePattern.RawText!);
                continue;
            }

            (string?, WatchRole)[] people = [(null, stranger), ("guess", stranger), (_tokens.Viewer, WatchRole.Viewer), (_tokens.Owner, WatchRole.Owner)];
            foreach (var (token, role) in people)
            {
                Assert.Equal(role < least, await Ask(endpoint, token) == HttpStatusCode.Forbidden);
            }
        }

        Assert.Equal(
            ["/", "/chart.js", "/charts.js", "/drawing.js", "/icon.svg", "/now.js", "/open", "/rows.js", "/watch.css", "/watch.js"],
            open.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_link_becomes_a_cookie_that_scripts_and_other_sites_cannot_use()
    {
        await Start();
        using var client = Client();
        using var wrong = await client.GetAsync(new Uri("/open?token=guess", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        using var right = await client.GetAsync(new Uri($"/open?token={_tokens.Owner}", UriKind.Relative));
        Assert.Equal("/", right.Headers.Location!.ToString());
        var cookie = Assert.Single(right.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith($"rlhf_watch_{_port}={_tokens.Owner}; path=/; samesite=strict; httponly", cookie, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_sites_cannot_stop_a_run()
    {
        _run.Begin();
        _run.Say();
        await Start();
        using var client = Client(_tokens.Owner);
        client.DefaultRequestHeaders.Add("Sec-Fetch-Site", "cross-site");
        using var answer = await client.PostAsJsonAsync("/api/stop", new { run = 0 });
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.False(StopRequest.IsMade(_run.Folder));
    }

    [Fact]
    public async Task A_run_that_works_is_asked_to_stop_and_no_other()
    {
        await Start();
        using var client = Client(_tokens.Owner);
        using var absent = await client.PostAsJsonAsync("/api/stop", new { run = 0 });
        Assert.Equal(HttpStatusCode.Conflict, absent.StatusCode);
        using var unknown = await client.PostAsJsonAsync("/api/stop", new { run = 1 });
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
        _run.Begin();
        _run.Say(age: 3600);
        await Task.Delay(1000); // it looks once a second
        using var dead = await client.PostAsJsonAsync("/api/stop", new { run = 0 });
        Assert.Equal(HttpStatusCode.Conflict, dead.StatusCode);
        Assert.False(StopRequest.IsMade(_run.Folder));
        _run.Say();
        await Task.Delay(1000);
        using var asked = await client.PostAsJsonAsync("/api/stop", new { run = 0 });
        Assert.Equal(HttpStatusCode.OK, asked.StatusCode);
        Assert.True(StopRequest.IsMade(_run.Folder));
    }

    [Fact]
    public async Task Pages_without_end_are_refused()
    {
        await Start();
        using var client = Client();
        var open = new List<HttpResponseMessage>();
        for (var i = 0; i < Limits.WatchingPages; i++)
        {
            open.Add(await client.GetAsync(new Uri("/api/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead));
        }

        using var refused = await client.GetAsync(new Uri("/api/events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        open.ForEach(answer => answer.Dispose());
    }

    [Fact]
    public async Task Folders_are_one_to_six_and_different()
    {
        await Start();
        Assert.Throws<InputException>(() => WatchServer.RunsOf([], TimeProvider.System));
        Assert.Throws<InputException>(() => WatchServer.RunsOf(["a", "a/"], TimeProvider.System));
        Assert.Throws<InputException>(() => WatchServer.RunsOf([.. Enumerable.Range(0, 7).Select(i => $"run{i}")], TimeProvider.System));
        Assert.Equal(["a/run", "b/run", "other"], WatchServer.RunsOf(["a/run", "b/run", "other"], TimeProvider.System).Select(run => run.Name));
    }
}
