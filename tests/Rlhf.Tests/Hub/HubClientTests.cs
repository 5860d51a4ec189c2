using System.Text;
using Rlhf.Hub;

namespace Rlhf.Tests.Hub;

public sealed class HubClientTests : IDisposable
{
    private static readonly byte[] Weights = [.. Enumerable.Range(0, 300_000).Select(static i => (byte)(i * 7 % 251))];
    private static readonly byte[] Config = "{}"u8.ToArray();

    private readonly HubServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task Only_what_a_model_needs_is_fetched()
    {
        _server.Add("org/name", HubServer.Commit,
            ("README.md", Config), ("config.json", Config), ("tokenizer.json", Config), ("model.safetensors", Weights), ("consolidated.safetensors", Weights),
            ("pytorch_model.bin", Weights), ("onnx/model.onnx", Weights), ("original/config.json", Config));
        var folder = await Model("org/name");
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json"], NamesIn(folder));
        Assert.Equal(Weights, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.DoesNotContain(_server.Requests, request => request.Path.Contains("pytorch_model", StringComparison.Ordinal));
        Assert.Equal(Weights.Length, _server.Progress.Total);
        Assert.Equal(_server.Progress.Total, _server.Progress.Done);
    }

    [Fact]
    public async Task Four_files_come_at_once_and_the_progress_counts_each_byte()
    {
        const int Count = 11;
        _server.Add("org/name", HubServer.Commit,
            [("config.json", Config), .. Enumerable.Range(0, Count).Select(static i => ($"{i}.safetensors", (byte[])[.. Weights, (byte)i]))]);
        var (open, most) = (0, 0);
        using var four = new CountdownEvent(4);
        _server.Before = request =>
        {
            if (request.IsStore)
            {
                lock (four)
                {
                    most = Math.Max(most, ++open);
                    _ = four.IsSet || four.Signal();
                }

                _ = four.Wait(TimeSpan.FromMinutes(1)); // the first four wait for each other
                _ = Interlocked.Decrement(ref open);
            }

            return null;
        };
        var found = await Files("*.safetensors");
        Assert.All(found.Paths, path => Assert.Equal(Weights.Length + 1, File.ReadAllBytes(path).Length));
        Assert.Equal((Count, 4), (found.Files.Count, most));
        Assert.Equal(Count * (Weights.Length + 1), _server.Progress.Total);
        Assert.Equal(_server.Progress.Total, _server.Progress.Done);
    }

    [Fact]
    public async Task A_file_that_is_refused_ends_the_others_with_its_own_words_and_what_came_is_kept()
    {
        _server.Add("org/name", HubServer.Commit, ("a.safetensors", [.. Weights, 1]), ("b.safetensors", [.. Weights, 2]), ("config.json", Config));
        using var half = new ManualResetEventSlim();
        var cut = new HubReply(200, [.. Weights, 1]) { CutAfter = Weights.Length / 2, Stall = half };
        _server.Before = request => request.Path.Contains(HubServer.Sha256([.. Weights, 1]), StringComparison.Ordinal) ? cut
            : request.Path.EndsWith("b.safetensors", StringComparison.Ordinal) && SpinWait.SpinUntil(() => _server.Progress.Done > 0, TimeSpan.FromMinutes(1))
                ? HubReply.Error(404, "EntryNotFound", "not found") : null;
        Assert.Contains(
            "it was listed and is gone", (await Assert.ThrowsAsync<InputException>(() => Files("*.safetensors"))).Message, StringComparison.Ordinal);
        half.Set();
        Assert.NotEmpty(Directory.GetFiles(_server.Settings.Cache, "*.incomplete", SearchOption.AllDirectories));

        _server.Before = static _ => null;
        Assert.Equal(["a.safetensors", "b.safetensors"], NamesIn((await Files("*.safetensors")).Folder));
        Assert.Contains(_server.Requests, static request => request.IsStore && request.From > 0);
    }

    [Fact]
    public async Task Files_of_one_content_are_fetched_once()
    {
        _server.Add("org/name", HubServer.Commit, [.. Enumerable.Range(0, 6).Select(static i => ($"{i}.safetensors", Weights))]);
        Assert.Equal(6, NamesIn((await Files("*.safetensors")).Folder).Length);
        Assert.Single(_server.Requests, static request => request.IsStore);
        Assert.Empty(_server.Progress.Notes);
    }

    [Fact]
    public async Task Shards_are_those_that_the_index_names()
    {
        var index = Encoding.UTF8.GetBytes("""{"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}""");
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors.index.json", index), ("consolidated.safetensors", Weights),
            ("model-00001-of-00002.safetensors", Weights), ("model-00002-of-00002.safetensors", [.. Weights, 1]), ("model-00003-of-00002.safetensors", [3]));
        Assert.Equal(["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"], NamesIn(await Model("org/name")));
    }

    [Fact]
    public async Task An_index_beside_one_file_is_left_out_with_its_shards()
    {
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights), ("model.safetensors.index.json", Config),
            ("model-00001-of-00001.safetensors", [1]));
        Assert.Equal(["config.json", "model.safetensors"], NamesIn(await Model("org/name")));
    }

    [Fact]
    public async Task An_index_that_names_what_is_not_there_is_refused()
    {
        var index = Encoding.UTF8.GetBytes("""{"weight_map": {"a": "model-1.safetensors"}}""");
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors.index.json", index));
        await Refused("org/name", "names model-1.safetensors, which the repository does not have");
    }

    [Fact]
    public async Task An_adapter_is_fetched_with_its_configuration()
    {
        _server.Add("org/name", HubServer.Commit, ("adapter_config.json", Config), ("adapter_model.safetensors", Weights), ("training_args.bin", Weights));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], NamesIn(await Model("org/name")));
    }

    [Theory]
    [InlineData("pytorch_model.bin", "its weights are pickles (pytorch_model.bin)")]
    [InlineData("model.Q4_0.gguf", "name one of them: org/name/model.Q4_0.gguf")]
    [InlineData("notes.txt", "so it holds no model")]
    public async Task A_repository_without_safetensors_is_refused(string file, string words)
    {
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), (file, Weights));
        await Refused("org/name", words);
        Assert.DoesNotContain(_server.Requests, request => request.Path.Contains("/resolve/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_tokenizer_alone_is_fetched()
    {
        _server.Add("org/name", HubServer.Commit, ("tokenizer.json", Config), ("README.md", Config));
        Assert.Equal(["tokenizer.json"], NamesIn(await Model("org/name")));
    }

    [Fact]
    public async Task A_GGUF_file_is_named_in_its_repository()
    {
        _server.Add("org/name", HubServer.Commit, ("sub/a.gguf", Weights), ("b-00001-of-00002.gguf", Weights), ("b-00002-of-00002.gguf", [2]), ("c.gguf", [1]));
        Assert.Equal(Weights, File.ReadAllBytes(await Model("org/name/sub/a.gguf")));
        Assert.Equal(["b-00001-of-00002.gguf", "b-00002-of-00002.gguf", "sub/a.gguf"], NamesIn(Path.GetDirectoryName(await Model("hf://org/name/b-00001-of-00002.gguf"))!));
        await Refused("org/name/d.gguf", "did you mean 'c.gguf'?");
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_not_to_the_store()
    {
        _server.Settings = _server.Settings with { Token = "hf_secret", TokenSource = "HF_TOKEN" };
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));
        _ = await Model("org/name");
        Assert.Contains(_server.Requests, request => request.IsStore);
        Assert.All(_server.Requests, request => Assert.Equal(request.IsStore ? null : "Bearer hf_secret", request.Token));
        Assert.DoesNotContain("hf_secret", _server.Settings.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_there_is_not_fetched_again()
    {
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));
        var folder = await Model("org/name");
        _server.Requests.Clear();
        Assert.Equal(folder, await Model("org/name"));
        Assert.Equal(["/api/models/org/name/revision/main"], _server.Requests.Select(request => request.Path));
        _server.Requests.Clear();
        Assert.Equal(folder, await Model($"org/name@{HubServer.Commit}"));
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task A_new_commit_shares_what_did_not_change()
    {
        const string Next = "1123456789abcdef0123456789abcdef01234567";
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));
        var old = await Model("org/name");
        _server.Add("org/name", Next, ("config.json", "{ }"u8.ToArray()), ("model.safetensors", Weights));
        _server.Requests.Clear();
        var now = await Model("org/name");
        Assert.NotEqual(old, now);
        Assert.Equal(Weights, File.ReadAllBytes(Path.Combine(now, "model.safetensors")));
        Assert.DoesNotContain(_server.Requests, request => request.IsStore);
        Assert.Equal("{}", File.ReadAllText(Path.Combine(old, "config.json")));
    }

    [Fact]
    public async Task The_cache_has_the_layout_of_the_hubs_own_programs()
    {
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));
        var folder = await Model("org/name");
        var repository = Path.Combine(_server.Settings.Cache, "models--org--name");
        Assert.Equal(Path.Combine(repository, "snapshots", HubServer.Commit), folder);
        Assert.Equal(HubServer.Commit, File.ReadAllText(Path.Combine(repository, "refs", "main")));
        Assert.Equal([HubServer.GitId(Config), HubServer.Sha256(Weights)], NamesIn(Path.Combine(repository, "blobs")).Order());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal($"../../blobs/{HubServer.Sha256(Weights)}", new FileInfo(Path.Combine(folder, "model.safetensors")).LinkTarget);
        }
    }

    [Fact]
    public async Task Without_links_the_files_themselves_stand_in_the_snapshot()
    {
        _server.Settings = _server.Settings with { Copies = true };
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));
        var folder = await Model("org/name");
        Assert.Null(new FileInfo(Path.Combine(folder, "model.safetensors")).LinkTarget);
        _server.Requests.Clear();
        _ = await Model($"org/name@{HubServer.Commit}");
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public async Task Files_of_a_data_set_are_named_by_globs()
    {
        _server.Add("datasets/org/rows", HubServer.Commit, ("README.md", Config), ("data/train-0.jsonl", Config), ("data/train-1.jsonl", Weights), ("data/test-0.jsonl", Config));
        using var client = _server.Client();
        var found = await client.Files(HubName.Parse("hf://datasets/org/rows"), ["data/train-*.jsonl"]);
        Assert.Equal(["data/train-0.jsonl", "data/train-1.jsonl"], found.Files.Select(file => file.Path));
        Assert.Equal($"hf://datasets/org/rows@{HubServer.Commit}", found.Name.Full);
        Assert.All(found.Paths, path => Assert.True(File.Exists(path)));
        var refusal = await Assert.ThrowsAsync<InputException>(() => client.Files(HubName.Parse("hf://datasets/org/rows"), ["train-0.jsonl"]));
        Assert.Contains("did you mean 'data/train-0.jsonl'?", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_comes_in_pages()
    {
        _server.Add("org/name", HubServer.Commit, ("config.json", Config), ("model.safetensors", Weights));
        var tree = $"/api/models/org/name/tree/{HubServer.Commit}?recursive=true";
        string Page(string name, byte[] content) => System.Text.Json.JsonSerializer.Serialize(new[] { HubServer.Entry(name, content) });
        _server.Route(tree, HubReply.Json(Page("config.json", Config), ("Link", $"<https://another.example{tree}&cursor=a%3D>; rel=\"next\"")));
        _server.Route(tree + "&cursor=a%3D", HubReply.Json(Page("model.safetensors", Weights)));
        Assert.Equal(["config.json", "model.safetensors"], NamesIn(await Model("org/name")));
    }

    [Fact]
    public async Task A_pickle_is_not_fetched_when_it_is_asked_for_either()
    {
        _server.Add("org/name", HubServer.Commit, ("pytorch_model.bin", Config));
        using var client = _server.Client();
        var refusal = await Assert.ThrowsAsync<InputException>(() => client.Files(HubName.Parse("org/name"), ["*"]));
        Assert.Contains("may be a pickle", refusal.Message, StringComparison.Ordinal);
    }

    private async Task<string> Model(string name)
    {
        using var client = _server.Client();
        return await client.Model(HubName.Parse(name));
    }

    private async Task<HubSnapshot> Files(string pattern)
    {
        using var client = _server.Client();
        return await client.Files(HubName.Parse("org/name"), [pattern]);
    }

    private async Task Refused(string name, string words) =>
        Assert.Contains(words, (await Assert.ThrowsAsync<InputException>(() => Model(name))).Message, StringComparison.Ordinal);

    private static string[] NamesIn(string folder) => [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/')).Order(StringComparer.Ordinal)];
}
