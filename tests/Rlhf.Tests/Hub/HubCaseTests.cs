using System.Diagnostics;
using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Hub;
using Rlhf.Tests.Cli;

namespace Rlhf.Tests.Hub;

/// <summary>The hub of the shared cases, as people ask it.</summary>
public sealed class HubCaseTests : IDisposable
{
    private static readonly string Cases = ReferenceFiles.CasePathOf("hub");

    private readonly HubServer _server = new();

    public HubCaseTests()
    {
        if (Directory.Exists(Cases))
        {
            _server.AddCases(Cases);
        }
    }

    public void Dispose() => _server.Dispose();

    [CaseFact("hub/routes.json")]
    public void A_model_is_downloaded_whole()
    {
        using var routes = Routes();
        var (code, output, error) = Run("pull", Text(routes, "repo"));
        Assert.True(code == ExitCode.Success, error);
        var folder = output.Trim();
        foreach (var file in routes.RootElement.GetProperty("files").EnumerateArray())
        {
            var path = Path.Combine(folder, file.GetProperty("path").GetString()!);
            if (File.Exists(path))
            {
                Assert.Equal(file.GetProperty("sha256").GetString(), HubServer.Sha256(File.ReadAllBytes(path)));
            }
        }

        string[] needed = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
        Assert.Equal(needed, Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(routes.RootElement.GetProperty("must_not_download").EnumerateArray(),
            name => Assert.DoesNotContain(_server.Requests, request => request.Path.EndsWith("/" + name.GetString(), StringComparison.Ordinal)));
    }

    [CaseFact("hub/routes.json")]
    public void A_data_set_is_downloaded_whole()
    {
        using var routes = Routes();
        var (code, output, error) = Run("pull", $"hf://datasets/{Text(routes, "dataset")}");
        Assert.True(code == ExitCode.Success, error);
        var paths = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(paths);
        Assert.All(paths, path => Assert.Equal(
            File.ReadAllBytes(Path.Combine(Cases, "files", "datasets", Text(routes, "dataset"), Text(routes, "dataset_commit"), "data", Path.GetFileName(path))),
            File.ReadAllBytes(path)));
        (code, output, error) = Run("data", "check", $"hf://datasets/{Text(routes, "dataset")}/data/train-*.parquet");
        Assert.True(code == ExitCode.Success, error);
        Assert.Contains($"hf://datasets/{Text(routes, "dataset")}@{Text(routes, "dataset_commit")}/data/train-", output, StringComparison.Ordinal);
        Assert.Contains("or files: hf://datasets/", Run("data", "check", $"hf://datasets/{Text(routes, "dataset")}").Error, StringComparison.Ordinal);
    }

    [CaseFact("hub/routes.json")]
    public void A_name_stands_wherever_a_model_can()
    {
        using var routes = Routes();
        var name = Text(routes, "repo");
        var rows = _server.PathOf("rows.jsonl");
        File.WriteAllText(rows, """{"prompt": "a", "response": "b"}""" + "\n");
        string[][] lines =
        [
            ["tokenize", "--model", name, "a"],
            ["generate", "--model", name, "--prompt", "a", "--max-tokens", "2"],
            ["score", "--model", name + "@" + Text(routes, "commit"), "--data", rows, "--json"],
            ["data", "show", rows, "--model", "hf://" + name],
            ["data", "check", rows, "--model", name],
        ];
        Assert.All(lines, line =>
        {
            var (code, _, error) = Run(line);
            Assert.True(code == ExitCode.Success, error);
        });
    }

    [CaseFact("hub/routes.json")]
    public void A_tokenizer_needs_no_weights()
    {
        using var routes = Routes();
        Assert.Equal(ExitCode.Success, Run("tokenize", "--model", Text(routes, "repo"), "a").Code);
        Assert.DoesNotContain(_server.Requests, static request => request.IsStore);
    }

    [CaseFact("hub/routes.json")]
    public void A_mistake_gets_a_sentence()
    {
        using var routes = Routes();
        var name = Text(routes, "repo");
        Assert.Contains("no such model", Run("pull", "tiny-org/none").Error, StringComparison.Ordinal);
        Assert.Contains("there is no file 'nothing.json'", Run("pull", name, "--file", "nothing.json").Error, StringComparison.Ordinal);
        Assert.Contains("may be a pickle", Run("pull", name, "--file", "*.bin").Error, StringComparison.Ordinal);
        Assert.Contains("is no name on the hub", Run("pull", "nonsense").Error, StringComparison.Ordinal);
        Assert.Contains("says a revision already", Run("pull", name + "@main", "--revision", "v1").Error, StringComparison.Ordinal);
    }

    [CaseFact("hub/routes.json")]
    public void A_file_of_an_older_revision_is_found_by_its_commit()
    {
        using var routes = Routes();
        const string Old = "8e651cffe6c526c2647fa18172c2b459f0970dea";
        var content = File.ReadAllBytes(Path.Combine(Cases, "files", "models", Text(routes, "repo"), Old, "config.json"));
        _server.Add(Text(routes, "repo"), Old, ("config.json", content));
        _server.AddCases(Cases);
        var (_, output, error) = Run("pull", Text(routes, "repo"), "--revision", "v1", "--file", "config.json");
        Assert.True(output.Contains(Old, StringComparison.Ordinal), error);
    }

    [PythonFact]
    public void The_hubs_own_program_uses_a_cache_that_was_written_here_and_the_reverse()
    {
        var python = Environment.GetEnvironmentVariable(PythonFactAttribute.Variable)!;
        using var routes = Routes();
        var (name, commit) = (Text(routes, "repo"), Text(routes, "commit"));
        var folder = Run("pull", name).Output.Trim();
        Assert.Equal(folder, Python(python, $"snapshot_download('{name}', allow_patterns=['*.json', '*.safetensors'])", offline: true));
        _server.Requests.Clear();
        Assert.Equal(folder, Python(python, $"snapshot_download('{name}', allow_patterns=['*.json', '*.safetensors'])", offline: false));
        Assert.DoesNotContain(_server.Requests, static request => request.IsStore);
        Assert.Equal("0", Python(python, "len(scan_cache_dir().warnings)", offline: true));

        _server.Settings = _server.Settings with { Cache = _server.PathOf("theirs") };
        var theirs = Python(python, $"snapshot_download('{name}', ignore_patterns=['*.bin'])", offline: false);
        _server.Requests.Clear();
        Assert.Equal(theirs, Run("pull", $"{name}@{commit}").Output.Trim());
        Assert.DoesNotContain(_server.Requests, static request => request.Path.Contains("/resolve/", StringComparison.Ordinal));
        _server.Settings = _server.Settings with { Offline = true };
        Assert.Equal(theirs, Run("pull", name).Output.Trim());
    }

    private string Python(string program, string expression, bool offline)
    {
        var start = new ProcessStartInfo(program, ["-c", $"from huggingface_hub import *; print({expression})"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HF_ENDPOINT"] = _server.Settings.Shown;
        start.Environment["HF_HUB_CACHE"] = _server.Settings.Cache;
        start.Environment["HF_HUB_OFFLINE"] = offline ? "1" : "0";
        start.Environment["HF_HUB_DISABLE_XET"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd().Trim();
        Assert.True(output.Length > 0, error.Result);
        return output;
    }

    private (int Code, string Output, string Error) Run(params string[] line)
    {
        HubFiles.Access = new HubAccess(_server.Settings);
        return TinyModels.Run(line);
    }

    private static JsonDocument Routes() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Cases, "routes.json")));

    private static string Text(JsonDocument routes, string key) => routes.RootElement.GetProperty(key).GetString()!;
}

/// <summary>A test beside the hub's own program; skipped where no Python with it is named.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PythonFactAttribute : FactAttribute
{
    public const string Variable = "RLHF_HUB_PYTHON";

    public PythonFactAttribute() => Skip = !File.Exists(ReferenceFiles.CasePathOf("hub", "routes.json")) ? "the shared cases are absent"
        : string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)) ? $"{Variable} names no Python that has huggingface_hub" : null;
}
