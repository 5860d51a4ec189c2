using Microsoft.AspNetCore.Builder;
using Rlhf.Labelers.Store;
using Rlhf.Web.Labeling;
using Rlhf.Web.Security;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>The ranking server over a fresh store.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TestStore _store = new(TestStore.Sqlite);
    private WebApplication? _app;

    public RankingStore Store => _store.Store;

    public TestClock Clock => _store.Clock;

    public Uri Address { get; private set; } = null!;

    public StringWriter Log { get; } = new();

    public WebApplication App => _app!;

    public static async Task<TestServer> StartAsync(Action<RankingStore>? prepare = null, string host = "127.0.0.1")
    {
        var server = new TestServer();
        prepare?.Invoke(server.Store);
        server._app = LabelServer.Create(server.Store, new WebSettings { Host = host, RequestsPerMinute = 100_000, Log = TextWriter.Synchronized(server.Log) });
        server.Address = new Uri($"http://127.0.0.1:{(await WebDefaults.StartAsync(server._app)).Port}");
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        // Requests that are under way end before their services do.
        await _app!.StopAsync();
        await _app.DisposeAsync();
        _store.Dispose();
        Assert.Equal("", Log.ToString());
    }
}
