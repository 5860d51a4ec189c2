using System.Net;
using System.Net.Http.Json;
using Rlhf.World;

namespace Rlhf.Web.Tests.Serving;

/// <summary>Many clients, and clients that go away.</summary>
public sealed class LoadTests
{
    private static readonly object Endless = new { model = "tiny", messages = CompletionTests.Say("x"), stream = true };

    [Fact]
    public async Task A_client_that_goes_away_frees_its_place()
    {
        await using var server = await TinyServer.Start(parallel: 1, queue: 4);
        server.Tiny.Worker.Hold(true);
        using (var leave = new CancellationTokenSource())
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = JsonContent.Create(Endless) };
            using var response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
            await using var stream = await response.Content.ReadAsStreamAsync(leave.Token);
            await stream.ReadExactlyAsync(new byte[10], leave.Token);
            await TinyServer.Until(() => server.Tiny.Worker.Live == 1);
            await leave.CancelAsync();
        }

        await TinyServer.Until(() => server.Tiny.Worker.Live == 0);
        server.Tiny.Worker.Hold(false);
        await server.Post("/v1/chat/completions", new { model = "tiny", messages = CompletionTests.Say("x"), max_tokens = 3 });
    }

    [Fact]
    public async Task A_client_that_goes_away_while_it_waits_frees_its_place_in_the_queue()
    {
        await using var server = await TinyServer.Start(parallel: 1, queue: 1);
        server.Tiny.Worker.Hold(true);
        var first = server.Post("/v1/completions", new { model = "tiny", prompt = "x", max_tokens = 2 });
        await TinyServer.Until(() => server.Tiny.Worker.Live == 1);
        using var leave = new CancellationTokenSource();
        var waiting = server.Client.PostAsJsonAsync("/v1/completions", new { model = "tiny", prompt = "x", max_tokens = 400 }, leave.Token);
        await TinyServer.Until(() => server.Tiny.Worker.Waiting == 1);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        await TinyServer.Until(() => server.Tiny.Worker.Waiting == 0);
        server.Tiny.Worker.Hold(false);
        await first;
    }

    [Fact]
    public async Task A_full_queue_refuses_and_says_when_to_come_back()
    {
        await using var server = await TinyServer.Start(parallel: 1, queue: 1);
        server.Tiny.Worker.Hold(true);
        var first = server.Post("/v1/completions", new { model = "tiny", prompt = "x", max_tokens = 2 });
        await TinyServer.Until(() => server.Tiny.Worker.Live == 1);
        var waiting = server.Post("/v1/completions", new { model = "tiny", prompt = "x", max_tokens = 2, seed = 1 });
        await TinyServer.Until(() => server.Tiny.Worker.Waiting == 1);

        using (var refused = await server.Send("/v1/completions", new { model = "tiny", prompt = "x", max_tokens = 2 }))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(1), refused.Headers.RetryAfter?.Delta);
            Assert.Contains("\"rate_limit_exceeded\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        server.Tiny.Worker.Hold(false);
        await first;
        Assert.Equal(2, (await waiting).GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Requests_that_come_and_go_at_random_get_what_they_get_alone()
    {
        await using var server = await TinyServer.Start(parallel: 3, queue: 100);
        object Body(int i) =>
            new
            {
                model = "tiny",
                prompt = new string('a',
                (i * 7 % 40) + 1),
                max_tokens = (i * 5 % 30) + 1,
                seed = i,
                temperature = i % 3 * 0.7,
                top_p = i % 2 == 0 ? 0.8 : 1
            };
        async Task<string> Text(int i) => (await server.Post("/v1/completions", Body(i))).GetProperty("choices")[0].GetProperty("text").GetString()!;
        async Task Leave(int i)
        {
            using var leave = new CancellationTokenSource(TimeSpan.FromMilliseconds(i * 3));
            try
            {
                using var response =
                    await server.Client.PostAsJsonAsync("/v1/completions", new { model = "tiny", prompt = "a", max_tokens = 500 }, leave.Token);
            }
            catch (OperationCanceledException)
            {
                // As it should be, unless the model was quicker.
            }
        }

        var leaving = Enumerable.Range(1, 6).Select(Leave).ToArray();
        var together = await Task.WhenAll(Enumerable.Range(0, 20).Select(Text));
        await Task.WhenAll(leaving);
        await TinyServer.Until(() => server.Tiny.Worker.Live + server.Tiny.Worker.Waiting == 0);

        for (var i = 0; i < together.Length; i++)
        {
            Assert.Equal(await Text(i), together[i]);
        }
    }

    [Fact]
    public async Task An_api_key_is_asked_for_and_compared()
    {
        const string Key = "0123456789abcdef";
        await using var server = await TinyServer.Start(apiKey: Key);
        async Task<HttpStatusCode> Status(string path, string? authorization)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
            using var response = await server.Client.SendAsync(request);
            return response.StatusCode;
        }

        Assert.Equal(HttpStatusCode.Unauthorized, await Status("/v1/models", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status("/v1/models", "Bearer " + Key[..^1]));
        Assert.Equal(HttpStatusCode.Unauthorized, await Status("/v1/nothing", "Basic " + Key));
        Assert.Equal(HttpStatusCode.OK, await Status("/v1/models", "Bearer " + Key));
        Assert.Equal(HttpStatusCode.OK, await Status("/", null)); // the page holds no secret
        Assert.Equal("invalid_api_key", (await server.Refused("/v1/score", "{}")).Error.GetProperty("code").GetString());
    }

    [Fact]
    public void Without_a_key_nobody_listens_to_other_machines()
    {
        using var models = new Web.Serving.ServedModels([]);
        Assert.Contains(
            "API key", Assert.Throws<InputException>(() => Web.Serving.ModelServer.Create(models, new Web.Security.WebSettings { Host = "0.0.0.0" })).Message,
            StringComparison.Ordinal);
    }
}
