using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Rlhf.Hub;

namespace Rlhf.Tests.Hub;

/// <summary>What the server was asked.</summary>
internal sealed record HubRequest(bool IsStore, string Path, string? Token, long? From);

/// <summary>What it replies.</summary>
internal sealed record HubReply(int Status, byte[] Body, params (string Name, string Value)[] Headers)
{
    /// <summary>The connection is cut after so many bytes.</summary>
    public int? CutAfter { get; init; }

    /// <summary>Is waited for before the connection is cut.</summary>
    public ManualResetEventSlim? Stall { get; init; }

    public static HubReply Json(string text, params (string, string)[] headers) => new(200, Encoding.UTF8.GetBytes(text), headers);

    public static HubReply Error(int status, string? code, string message, params (string, string)[] headers) =>
        new(status, [], [.. code is null ? [] : new[] { ("X-Error-Code", code) }, ("X-Error-Message", message), .. headers]);
}

/// <summary>A hub on a free port of this machine, and a store of large files on another.</summary>
internal sealed class HubServer : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly HttpListener _hub;
    private readonly HttpListener _store;
    private readonly ConcurrentDictionary<string, HubReply> _routes = new(StringComparer.Ordinal);
    private readonly TestFolder _folder = new();

    public HubServer()
    {
        (_hub, Address) = Listen();
        (_store, StoreAddress) = Listen();
        Settings = new HubSettings(new Uri(Address), _folder.PathOf("cache"), Token: null, TokenSource: null, Offline: false)
        {
            FirstPause = TimeSpan.FromMilliseconds(1),
            Silence = TimeSpan.FromSeconds(20),
        };
        _ = Answer(_hub, isStore: false);
        _ = Answer(_store, isStore: true);
    }

    public string Address { get; }

    public string StoreAddress { get; }

    /// <summary>Settings that lead here, with a cache of the test's own.</summary>
    public HubSettings Settings { get; set; }

    public ConcurrentQueue<HubRequest> Requests { get; } = new();

    /// <summary>Has the first word: null leaves a request to the routes.</summary>
    public Func<HubRequest, HubReply?> Before { get; set; } = static _ => null;

    /// <summary>Notes of the client.</summary>
    public NotedProgress Progress { get; } = new();

    public string PathOf(params string[] parts) => _folder.PathOf(parts);

    public HubClient Client() => new(Settings, Progress);

    /// <summary>A path and its query, as it is sent; the address of the store stands before those of the store.</summary>
    public void Route(string path, HubReply reply) => _routes[path] = reply;

    /// <summary>A repository with all that the hub says of it; files of more than 1,000 bytes are large.</summary>
    public void Add(string address, string commit, params (string Path, byte[] Content)[] files)
    {
        var api = $"/api/{(address.StartsWith("datasets/", StringComparison.Ordinal) ? "" : "models/")}{address}";
        var id = address.Replace("datasets/", "", StringComparison.Ordinal);
        foreach (var revision in (string[])["main", commit])
        {
            Route($"{api}/revision/{revision}", HubReply.Json(JsonSerializer.Serialize(new { id, sha = commit })));
        }

        Route($"{api}/tree/{commit}?recursive=true", HubReply.Json(JsonSerializer.Serialize(files.Select(file => Entry(file.Path, file.Content)))));
        Route($"{api}/refs", HubReply.Json("""{"tags": [], "branches": [{"name": "main"}, {"name": "float16"}]}"""));
        foreach (var (path, content) in files)
        {
            AddFile($"/{address}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}", content);
        }
    }

    public static object Entry(string path, byte[] content) => content.Length > 1000
        ? new { type = "file", path, size = content.Length, oid = GitId([]), lfs = new { oid = Sha256(content), size = content.Length, pointerSize = 130 } }
        : new { type = "file", path, size = content.Length, oid = GitId(content) };

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public static string GitId(byte[] content)
    {
#pragma warning disable CA5350 // Git's own
        return Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(FormattableString.Invariant($"blob {content.Length}\0")), .. content]));
#pragma warning restore CA5350
    }

    /// <summary>Serves what <c>routes.json</c> of the shared cases lists.</summary>
    public void AddCases(string folder)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "routes.json")));
        foreach (var route in json.RootElement.GetProperty("routes").EnumerateArray().Where(route => route.GetProperty("method").GetString() == "GET"))
        {
            string Placed(string text) => text.Replace("{cdn}", StoreAddress.TrimEnd('/'), StringComparison.Ordinal);
            var body = route.TryGetProperty("body", out var file) && file.ValueKind == JsonValueKind.String
                ? File.ReadAllBytes(Path.Combine(folder, file.GetString()!.Replace('/', Path.DirectorySeparatorChar))) : [];
            Route(Placed(route.GetProperty("path").GetString()!), new HubReply(route.GetProperty("status").GetInt32(), body, [
                .. route.GetProperty("headers").EnumerateObject().Where(header => header.Name is not ("Content-Length" or "Content-Type"))
                    .Select(header => (header.Name, Placed(header.Value.GetString()!)))]));
        }
    }

    public void Dispose()
    {
        _hub.Abort();
        _store.Abort();
        _folder.Dispose();
    }

    private void AddFile(string path, byte[] content)
    {
        if (content.Length <= 1000)
        {
            Route(path, new HubReply(200, content, ("X-Repo-Commit", Commit), ("ETag", $"\"{GitId(content)}\"")));
            return;
        }

        var place = $"{StoreAddress}blob/{Sha256(content)}?Expires=99&Signature=abc~";
        Route(path, new HubReply(302, [], ("X-Linked-Size", content.Length.ToString(CultureInfo.InvariantCulture)), ("Location", place)));
        Route(place, new HubReply(200, content, ("ETag", "\"another\"")));
    }

    private static (HttpListener Listener, string Address) Listen()
    {
        for (var attempt = 0; ; attempt++)
        {
            int port;
            using (var free = new TcpListener(IPAddress.Loopback, 0))
            {
                free.Start();
                port = ((IPEndPoint)free.LocalEndpoint).Port;
            }

            var listener = new HttpListener();
            var address = FormattableString.Invariant($"http://127.0.0.1:{port}/");
            listener.Prefixes.Add(address);
            try
            {
                listener.Start();
                return (listener, address);
            }
            catch (HttpListenerException) when (attempt < 20)
            {
                // Another program was faster.
            }
        }
    }

    private async Task Answer(HttpListener listener, bool isStore)
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            _ = Task.Run(() => Reply(context, isStore));
        }
    }

    private void Reply(HttpListenerContext context, bool isStore)
    {
        var range = context.Request.Headers["Range"];
        var request = new HubRequest(isStore, context.Request.RawUrl!, context.Request.Headers["Authorization"],
            range is null ? null : long.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture));
        Requests.Enqueue(request);
        var reply = Before(request) ?? _routes.GetValueOrDefault(isStore ? StoreAddress.TrimEnd('/') + request.Path : request.Path)
            ?? HubReply.Error(404, request.Path.Contains("/resolve/", StringComparison.Ordinal) ? "EntryNotFound" : "RepoNotFound", "not found");
        try
        {
            Send(context.Response, reply, request.From, isHead: context.Request.HttpMethod == "HEAD");
        }
        catch (Exception exception) when (exception is HttpListenerException or IOException or ObjectDisposedException)
        {
            // The client has gone.
        }
    }

    private static void Send(HttpListenerResponse response, HubReply reply, long? from, bool isHead)
    {
        var body = reply.Body;
        response.StatusCode = reply.Status;
        foreach (var (name, value) in reply.Headers)
        {
            response.AddHeader(name, value);
        }

        if (from is { } start && reply.Status == 200)
        {
            if (start >= body.Length)
            {
                response.StatusCode = 416;
                response.Close();
                return;
            }

            response.StatusCode = 206;
            response.AddHeader("Content-Range", FormattableString.Invariant($"bytes {start}-{body.Length - 1}/{body.Length}"));
            body = body[(int)start..];
        }

        response.ContentLength64 = body.Length;
        if (isHead)
        {
            response.Close();
            return;
        }

        response.OutputStream.Write(body, 0, Math.Min(body.Length, reply.CutAfter ?? int.MaxValue));
        reply.Stall?.Wait(TimeSpan.FromMinutes(1));
        if (reply.CutAfter < body.Length)
        {
            response.OutputStream.Flush();
            response.Abort();
            return;
        }

        response.Close();
    }
}

/// <summary>Keeps what a person would see.</summary>
internal sealed class NotedProgress : IHubProgress
{
    private long _done;

    public ConcurrentQueue<string> Notes { get; } = new();

    public long Total { get; private set; }

    public long Done => Interlocked.Read(ref _done);

    public void Begin(string name, long bytes, long there) => (Total, _done) = (bytes, there);

    public void Advance(long bytes) => Interlocked.Add(ref _done, bytes);

    public void End()
    {
    }

    public void Note(string message) => Notes.Enqueue(message);
}
