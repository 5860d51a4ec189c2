using System.Diagnostics;
using Rlhf.Hub;

namespace Rlhf.Tests.Hub;

/// <summary>What goes wrong between a hub and this machine.</summary>
public sealed class HubFailureTests : IDisposable
{
    private static readonly byte[] Weights = [.. Enumerable.Range(0, 300_000).Select(static i => (byte)(i * 7 % 251))];
    private static readonly byte[] Config = "{}"u8.ToArray();
    private static readonly HubName Name = HubName.Parse("org/name");

    private readonly HubServer _server = new();

    public HubFailureTests() => _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));

    public void Dispose() => _server.Dispose();

    private string Blobs => Path.Combine(_server.Settings.Cache, "models--org--name", "blobs");

    private string Incomplete => Path.Combine(Blobs, HubServer.Sha256(Weights) + ".incomplete");

    [Fact]
    public async Task A_cut_connection_goes_on_where_it_was_cut()
    {
        var cuts = 0;
        _server.Before = request => request.IsStore && cuts++ < 3 ? new HubReply(200, Weights) { CutAfter = 60_000 } : null;
        await RequireWhole();
        long?[] starts = [.. _server.Requests.Where(request => request.IsStore).Select(request => request.From)];
        Assert.Equal(4, starts.Length);
        Assert.Null(starts[0]);
        Assert.Equal(starts.Skip(1).Order(), starts.Skip(1));
        Assert.True(starts[^1] > 0);
    }

    [Fact]
    public async Task A_download_that_was_stopped_goes_on_the_next_time()
    {
        _server.Settings = _server.Settings with { Attempts = 1 };
        _server.Before = request => request.IsStore ? new HubReply(200, Weights) { CutAfter = 100_000 } : null;
        var failure = await Assert.ThrowsAsync<RunFailedException>(Fetch);
        Assert.Contains("the same command goes on from there", failure.Message, StringComparison.Ordinal);
        var kept = new FileInfo(Incomplete).Length;
        Assert.True(kept > 0);
        Assert.False(File.Exists(Path.ChangeExtension(Incomplete, null)));
        _server.Before = static _ => null;
        await RequireWhole();
        Assert.Equal(kept, _server.Requests.Last(request => request.IsStore).From);
        Assert.False(File.Exists(Incomplete));
    }

    [Fact]
    public async Task A_server_without_ranges_sends_the_whole_file_again()
    {
        Leave(Weights[..1000]);
        _server.Before = request => request.IsStore && request.From is not null ? new HubReply(201, Weights) : null;
        await RequireWhole();
    }

    [Fact]
    public async Task What_an_earlier_try_left_is_not_believed()
    {
        Leave(new byte[5000]); // not the file's
        await RequireWhole();
        Leave(new byte[Weights.Length]);
        await RequireWhole();
        Leave([.. Weights, 1, 2, 3]);
        await RequireWhole();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(299_999)]
    public async Task A_file_with_another_hash_is_not_kept(int at)
    {
        byte[] other = [.. Weights];
        other[at] ^= 1;
        _server.Before = request => request.IsStore ? new HubReply(200, other) : null;
        var failure = await Assert.ThrowsAsync<RunFailedException>(Fetch);
        Assert.Contains("its SHA-256 is not", failure.Message, StringComparison.Ordinal);
        Assert.Equal([HubServer.GitId(Config)], Directory.GetFiles(Blobs).Select(Path.GetFileName));
        _server.Before = static _ => null;
        await RequireWhole();
    }

    [Fact]
    public async Task A_small_file_with_another_hash_is_not_kept()
    {
        _server.Before = request => request.Path.EndsWith("config.json", StringComparison.Ordinal) ? new HubReply(200, "[]"u8.ToArray()) : null;
        Assert.Contains("its SHA-1", (await Assert.ThrowsAsync<RunFailedException>(Fetch)).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Blobs));
    }

    [Fact]
    public async Task More_bytes_than_listed_are_refused()
    {
        _server.Before = request => request.IsStore ? new HubReply(200, [.. Weights, 0]) : null;
        Assert.Contains("sends more than the 300000 bytes", (await Assert.ThrowsAsync<InputException>(Fetch)).Message, StringComparison.Ordinal);
        _server.Before = static _ => null;
        await RequireWhole();
    }

    [Fact]
    public async Task Too_many_requests_are_waited_for_as_the_hub_asks()
    {
        var refusals = 0;
        _server.Before = request => !request.IsStore && refusals++ < 2 ? HubReply.Error(429, null, "slow down", ("Retry-After", "1")) : null;
        var watch = Stopwatch.StartNew();
        await RequireWhole();
        Assert.True(watch.Elapsed >= TimeSpan.FromSeconds(1.9));
        Assert.Contains("trying again in 1 s", _server.Progress.Notes.First(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pause_that_nobody_waits_for_ends_it()
    {
        _server.Before = static _ => HubReply.Error(429, null, "slow down", ("RateLimit", "\"api\";r=0;t=3600"));
        Assert.Contains("pause of 60 minutes", (await Assert.ThrowsAsync<RunFailedException>(Fetch)).Message, StringComparison.Ordinal);
        Assert.Single(_server.Requests);
    }

    [Fact]
    public async Task A_server_that_is_down_is_asked_again()
    {
        var refusals = 0;
        _server.Before = _ => refusals++ % 3 == 0 ? HubReply.Error(503, null, "down") : null;
        await RequireWhole();
        _server.Before = static _ => HubReply.Error(503, null, "down");
        _server.Settings = _server.Settings with { Cache = _server.PathOf("other") };
        Assert.Contains("cannot be asked: status 503", (await Assert.ThrowsAsync<RunFailedException>(Fetch)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(403, "GatedRepo", null, "Accept them at ")]
    [InlineData(401, "GatedRepo", null, "give it in HF_TOKEN")]
    [InlineData(403, "GatedRepo", "hf_x", "the account of the token from HF_TOKEN has no access")]
    [InlineData(401, "GatedRepo", "hf_x", "does not take the token")]
    [InlineData(401, null, "hf_x", "does not take the token from HF_TOKEN: no")]
    [InlineData(401, "RepoNotFound", null, "or it is private: a private one needs a token in HF_TOKEN")]
    [InlineData(404, "RepoNotFound", "hf_x", "the token from HF_TOKEN does not open it")]
    [InlineData(404, "RevisionNotFound", null, "It has main, float16.")]
    [InlineData(403, null, null, "refuses it without a token")]
    public async Task A_refusal_says_what_to_do(int status, string? code, string? token, string words)
    {
        _server.Settings = _server.Settings with { Token = token, TokenSource = token is null ? null : "HF_TOKEN" };
        _server.Before = request => request.Path.EndsWith("/refs", StringComparison.Ordinal) ? null : HubReply.Error(status, code, "no");
        var message = (await Assert.ThrowsAsync<InputException>(Fetch)).Message;
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_x", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gated_file_says_where_to_ask()
    {
        _server.Before = static request => request.Path.Contains("/resolve/", StringComparison.Ordinal) ? HubReply.Error(403, "GatedRepo", "no") : null;
        Assert.Contains($"{_server.Settings.Shown}/org/name", (await Assert.ThrowsAsync<InputException>(Fetch)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_name_is_told_the_nearest()
    {
        _server.Route("/api/models?author=org&limit=300", HubReply.Json("""[{"id": "org/other"}, {"id": "org/name"}]"""));
        using var client = _server.Client();
        var failure = await Assert.ThrowsAsync<InputException>(() => client.Model(HubName.Parse("org/nmae")));
        Assert.Contains("did you mean org/name?", failure.Message, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<InputException>(() => client.Model(HubName.Parse("nobody/none")));
        Assert.Contains("the hub has no such model", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_that_was_renamed_is_followed()
    {
        _server.Before = request => request.Path.Contains("org/old", StringComparison.Ordinal)
            ? new HubReply(307, [], ("Location", request.Path.Replace("org/old", "org/name", StringComparison.Ordinal))) : null;
        using var client = _server.Client();
        Assert.Equal(Weights, File.ReadAllBytes(Path.Combine(await client.Model(HubName.Parse("org/old")), "model.safetensors")));
        Assert.Contains("org/old is called org/name now", _server.Progress.Notes);
    }

    [Fact]
    public async Task Redirections_without_end_are_not_followed()
    {
        _server.Before = static request => new HubReply(302, [], ("Location", request.Path));
        Assert.Contains("redirections in a row", (await Assert.ThrowsAsync<InputException>(Fetch)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../../evil.jsonl")]
    [InlineData("/etc/evil.jsonl")]
    [InlineData("a/../../b.jsonl")]
    [InlineData("C:/evil.jsonl")]
    [InlineData("a\\b.jsonl")]
    [InlineData("data/NUL.jsonl")]
    [InlineData("a//b.jsonl")]
    [InlineData("data/x.jsonl. ")]
    public async Task A_name_that_leads_elsewhere_is_refused(string path)
    {
        _server.Add("datasets/org/rows", HubServer.Commit, (path, Config));
        using var client = _server.Client();
        var failure = await Assert.ThrowsAsync<InputException>(() => client.Files(HubName.Parse("hf://datasets/org/rows"), ["**/*"]));
        Assert.Contains("no file here may have", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(_server.PathOf(), "*evil*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("""[{"type": "file", "path": "a", "size": -1, "oid": "0123456789abcdef0123456789abcdef01234567"}]""", "expected a number of bytes")]
    [InlineData("""[{"type": "file", "path": "a", "size": 1, "oid": "../../x"}]""", "expected a hash")]
    [InlineData("""[{"type": "file", "path": "a", "size": 1}]""", "oid: expected a string")]
    [InlineData("""{"a": 1}""", "expected an array")]
    [InlineData("[", "not valid JSON")]
    public async Task A_list_that_is_not_sound_is_refused(string tree, string words)
    {
        _server.Route($"/api/models/org/name/tree/{HubServer.Commit}?recursive=true", HubReply.Json(tree));
        Assert.Contains(words, (await Assert.ThrowsAsync<InputException>(Fetch)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_commit_that_is_none_is_refused()
    {
        _server.Route("/api/models/org/name/revision/main", HubReply.Json("""{"id": "org/name", "sha": "../../../x"}"""));
        Assert.Contains("expected a commit", (await Assert.ThrowsAsync<InputException>(Fetch)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offline_the_cache_is_enough_and_nothing_is_asked()
    {
        _server.Settings = _server.Settings with { Offline = true };
        var failure = await Assert.ThrowsAsync<InputException>(Fetch);
        Assert.Contains("HF_HUB_OFFLINE", failure.Message, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
        _server.Settings = _server.Settings with { Offline = false };
        await RequireWhole();
        _server.Requests.Clear();
        _server.Settings = _server.Settings with { Offline = true };
        await RequireWhole();
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_cache_of_another_program_has_no_lists()
    {
        await RequireWhole();
        Directory.Delete(Path.Combine(_server.Settings.Cache, "models--org--name", "trees"), recursive: true);
        _server.Settings = _server.Settings with { Offline = true };
        await RequireWhole();
        File.Delete(Path.Combine(_server.Settings.Cache, "models--org--name", "snapshots", HubServer.Commit, "model.safetensors"));
        Assert.Contains("the cache has only a part of it", (await Assert.ThrowsAsync<InputException>(Fetch)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hub_that_cannot_be_asked_leaves_the_cache()
    {
        _server.Settings = _server.Settings with { Endpoint = new Uri("http://127.0.0.1:9/") };
        var failure = await Assert.ThrowsAsync<RunFailedException>(Fetch);
        Assert.Contains("does not take the connection", failure.Message, StringComparison.Ordinal);
        Assert.Contains("HF_ENDPOINT", failure.Message, StringComparison.Ordinal);
        _server.Settings = _server.Settings with { Endpoint = new Uri(_server.Address) };
        await RequireWhole();
        _server.Settings = _server.Settings with { Endpoint = new Uri("http://127.0.0.1:9/") };
        await RequireWhole();
        Assert.Contains(_server.Progress.Notes, note => note.Contains("is taken from the cache", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_clients_at_once_fetch_a_file_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(RequireWhole)));
        Assert.Single(_server.Requests, request => request.IsStore);
    }

    [SmallDiskFact]
    public async Task A_disk_without_room_is_told_before_anything_comes()
    {
        using var disk = new SmallDisk(8 * 1024);
        _server.Settings = _server.Settings with { Cache = disk.PathOf("cache") };
        Assert.Contains("has 8.0 MiB left", (await Assert.ThrowsAsync<RunFailedException>(Fetch)).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_server.Requests, request => request.Path.Contains("/resolve/", StringComparison.Ordinal));
    }

    [SmallDiskFact]
    public async Task A_disk_that_fills_up_leaves_nothing_half_believed()
    {
        using var disk = new SmallDisk(12 * 1024);
        _server.Settings = _server.Settings with { Cache = disk.PathOf("cache") };
        _server.Before = request =>
        {
            if (request.IsStore && !File.Exists(disk.PathOf("filler")))
            {
                disk.FillUpTo(64 * 1024);
            }

            return null;
        };
        Assert.Contains("the disk is full", (await Assert.ThrowsAsync<RunFailedException>(Fetch)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.ChangeExtension(Incomplete, null)));
        File.Delete(disk.PathOf("filler"));
        _server.Before = static _ => null;
        await RequireWhole();
    }

    private async Task<string> Fetch()
    {
        using var client = _server.Client();
        return await client.Model(Name);
    }

    private async Task RequireWhole() => Assert.Equal(Weights, File.ReadAllBytes(Path.Combine(await Fetch(), "model.safetensors")));

    private void Leave(byte[] content)
    {
        if (Directory.Exists(_server.Settings.Cache))
        {
            Directory.Delete(_server.Settings.Cache, recursive: true);
        }

        Directory.CreateDirectory(Blobs);
        File.WriteAllBytes(Incomplete, content);
    }
}
