using System.Diagnostics;
using Rlhf.Cli;
using Rlhf.Hub;
using Rlhf.Tests.Cli;
using Rlhf.Tests.Model.Checkpoints.Gguf;

namespace Rlhf.Tests.Hub;

/// <summary>Names on the hub in recipes and commands.</summary>
public sealed class HubRecipeTests : IDisposable
{
    private const string Next = "1123456789abcdef0123456789abcdef01234567";

    private readonly HubServer _server = new();
    private readonly TinyModels _models = new();
    private readonly string _recipe;

    public HubRecipeTests()
    {
        Publish(HubServer.Commit, seed: 1);
        _recipe = _models.Write("r.yaml", """
            name: tiny
            base: {model: org/base}
            format: {template: plain}
            data: {demonstrations: {path: "hf://datasets/org/rows/data/train-*.jsonl", held_out: 0.25}}
            sft: {epochs: 1, batch: 2}
            """);
    }

    public void Dispose()
    {
        _server.Dispose();
        _models.Dispose();
    }

    private string Folder => Path.Combine(_models.Path, "run");

    [Fact]
    public void A_run_keeps_the_commits_that_it_began_with()
    {
        Succeeds("plan", _recipe);
        Succeeds("run", _recipe, "--out", Folder, "--quiet");
        var stage = Path.Combine(Folder, "stages", "01-sft");
        Assert.Contains($"hf://org/base@{HubServer.Commit}", File.ReadAllText(Path.Combine(Folder, "recipe.yaml")), StringComparison.Ordinal);
        Assert.Contains($"\"hf://org/base\": \"{HubServer.Commit}\"", File.ReadAllText(Path.Combine(Folder, "hub.json")), StringComparison.Ordinal);
        Assert.Contains($"hf://datasets/org/rows@{HubServer.Commit}/data/train-1.jsonl", File.ReadAllText(Path.Combine(stage, "ledger.json")), StringComparison.Ordinal);
        Assert.Contains($"hf://org/base@{HubServer.Commit}/model.safetensors", File.ReadAllText(Path.Combine(stage, "inputs.json")), StringComparison.Ordinal);

        Publish(Next, seed: 2); // the branch goes on, the run does not follow
        Succeeds("run", _recipe, "--out", Folder, "--resume");
        Directory.Delete(stage, recursive: true);
        _server.Requests.Clear();
        Succeeds("run", _recipe, "--out", Folder, "--resume");
        Succeeds("run", "--resume", "--out", Folder);
        Assert.Empty(_server.Requests);
        Assert.Contains($"hf://org/base@{HubServer.Commit}/model.safetensors", File.ReadAllText(Path.Combine(stage, "inputs.json")), StringComparison.Ordinal);

        Succeeds("run", _recipe, "--out", Path.Combine(_models.Path, "other"));
        Assert.Contains(Next, File.ReadAllText(Path.Combine(_models.Path, "other", "recipe.yaml")), StringComparison.Ordinal);
        Assert.Contains("was begun with another recipe", Run("run", _recipe, "--out", Folder, "--resume", "--set", "base.model=org/base@main").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_none_leaves_no_run_behind()
    {
        var (code, _, error) = Run("run", _recipe, "--out", Folder, "--set", "base.model=org/nothing");
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("the hub has no such model", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public void A_missing_file_of_a_recipe_that_begins_with_a_comment_is_told_with_it()
    {
        var recipe = _models.Write("c.yaml", "# get it there", "name: c", "base: {model: org/base}", "data: {demonstrations: {path: none.jsonl}}", "sft: {keep_best: none}");
        Assert.Contains($"The comment at the head of {recipe} may say where to get it.", Run("plan", recipe).Error, StringComparison.Ordinal);
        Assert.Contains($"The comment at the head of {recipe} may say where to get it.", Run("run", recipe, "--out", Folder).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_files_are_shown_and_checked_by_name()
    {
        Assert.Contains("train-1.jsonl", Run("data", "check", "hf://datasets/org/rows/data/*.jsonl").Output, StringComparison.Ordinal);
        Assert.Contains("question 3", Run("data", "show", "hf://datasets/org/rows/data/train-0.jsonl", "--row", "4").Output, StringComparison.Ordinal);
        Assert.Contains("fits several files", Run("data", "show", "hf://datasets/org/rows/data/*.jsonl").Error, StringComparison.Ordinal);
        Assert.Contains("hf://datasets/org/rows/FILE", Run("data", "check", "org/rows").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_is_exported_by_name_and_a_split_file_is_one_model()
    {
        var own = _models.Language("base", seed: 1);
        string Exported(string model, string name, params string[] form)
        {
            var path = Path.Combine(_models.Path, name);
            Assert.Equal(path, Succeeds(["export", model, .. form, "--out", path, "--quiet"]).Trim());
            return path;
        }

        string[] gguf = ["--format", "gguf", "--type", "f32"];
        var file = Exported("org/base", "hub.gguf", gguf);
        Assert.Equal(File.ReadAllBytes(Exported(own, "own.gguf", gguf)), File.ReadAllBytes(file));
        string Weights(string model, string name) => Path.Combine(Exported(model, name, "--format", "safetensors", "--dtype", "bf16"), "model.safetensors");
        var weights = File.ReadAllBytes(Weights(own, "own"));
        Assert.Equal(weights, File.ReadAllBytes(Weights($"org/base@{HubServer.Commit}", "hub")));

        var parts = GgufSplitter.Split(file, Path.Combine(_models.Path, "m"), 3);
        _server.Add("org/parts", HubServer.Commit, [.. parts.Select(path => (Path.GetFileName(path), File.ReadAllBytes(path)))]);
        Assert.Equal(weights, File.ReadAllBytes(Weights("org/parts/m-00001-of-00003.gguf", "joined")));
        Assert.Contains("give that, ", Run("export", "org/parts/m-00002-of-00003.gguf", "--format", "gguf", "--out", "x.gguf").Error, StringComparison.Ordinal);

        Succeeds("run", _recipe, "--out", Folder, "--set", "base.model=org/parts/m-00001-of-00003.gguf", "--quiet");
        var inputs = File.ReadAllText(Path.Combine(Folder, "stages", "01-sft", "inputs.json"));
        Assert.All(parts, part => Assert.Contains($"hf://org/parts@{HubServer.Commit}/{Path.GetFileName(part)}", inputs, StringComparison.Ordinal));
    }

    [Fact]
    public void A_served_model_has_its_own_name()
    {
        HubFiles.Access = new HubAccess(_server.Settings);
        Assert.Equal(("base", "org/base@main"), (NamedModel.Of("org/base@main").Name, NamedModel.Of("org/base@main").Folder));
        Assert.Equal("q4", NamedModel.Of("org/base/q4.gguf").Name);
        Assert.Equal(("a", "org/base"), (NamedModel.Of("a=org/base").Name, NamedModel.Of("a=org/base").Folder));
    }

    [Fact]
    public void Doctor_says_where_names_lead()
    {
        _server.Settings = _server.Settings with { Token = "hf_secret", TokenSource = "HF_TOKEN", Offline = true };
        var output = Run("doctor").Output;
        Assert.Contains($"{_server.Settings.Shown}; token from HF_TOKEN; offline", output, StringComparison.Ordinal);
        Assert.Contains(_server.Settings.Cache, output, StringComparison.Ordinal);
        Assert.DoesNotContain("hf_secret", output, StringComparison.Ordinal);
    }

    [UnixFact]
    public void A_process_that_is_killed_leaves_what_the_next_one_goes_on_from()
    {
        byte[] weights = [.. Enumerable.Range(0, 400_000).Select(static i => (byte)(i * 7 % 251))];
        _server.Add("org/large", HubServer.Commit, ("config.json", "{}"u8.ToArray()), ("model.safetensors", weights));
        using var end = new ManualResetEventSlim();
        _server.Before = request => request.IsStore ? new HubReply(200, weights) { CutAfter = 200_000, Stall = end } : null;
        var start = new ProcessStartInfo("dotnet", [typeof(ExitCode).Assembly.Location, "pull", "org/large"]) { RedirectStandardError = true, RedirectStandardOutput = true };
        start.Environment["HF_ENDPOINT"] = _server.Settings.Shown;
        start.Environment["HF_HUB_CACHE"] = _server.Settings.Cache;
        start.Environment["HF_HUB_OFFLINE"] = "0";
        var partial = Path.Combine(_server.Settings.Cache, "models--org--large", "blobs", HubServer.Sha256(weights) + ".incomplete");
        using (var process = Process.Start(start)!)
        {
            Assert.True(SpinWait.SpinUntil(() => File.Exists(partial) && new FileInfo(partial).Length >= 200_000, TimeSpan.FromSeconds(60)));
            process.Kill();
            process.WaitForExit();
        }

        end.Set();
        Assert.False(File.Exists(Path.ChangeExtension(partial, null)));
        _server.Before = static _ => null;
        _server.Requests.Clear();
        var folder = Succeeds("pull", "org/large").Trim();
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(folder, "model.safetensors")));
        Assert.Equal(200_000, Assert.Single(_server.Requests, static request => request.IsStore).From);
    }

    private void Publish(string commit, ulong seed)
    {
        var folder = _models.Language($"published-{seed}", seed);
        _server.Add("org/base", commit, [.. Directory.GetFiles(folder).Select(path => (Path.GetFileName(path), File.ReadAllBytes(path)))]);
        byte[] Rows(int from) => System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(from, 8)
            .Select(static i => $$"""{"prompt": "question {{i}}", "response": "answer {{i}}"}""" + "\n")));
        _server.Add("datasets/org/rows", commit, ("data/train-0.jsonl", Rows(0)), ("data/train-1.jsonl", Rows(8)));
    }

    private string Succeeds(params string[] line)
    {
        var (code, output, error) = Run(line);
        Assert.True(code == ExitCode.Success, error);
        return output;
    }

    private (int Code, string Output, string Error) Run(params string[] line)
    {
        HubFiles.Access = new HubAccess(_server.Settings with { FirstPause = TimeSpan.FromMilliseconds(Random.Shared.NextDouble()) });
        return TinyModels.Run(line);
    }
}
