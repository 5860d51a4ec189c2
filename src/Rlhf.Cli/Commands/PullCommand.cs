using System.CommandLine;
using Rlhf.Hub;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf pull</c>: fetches a model or files of a data set from the hub before they are needed.</summary>
internal static class PullCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("NAME") { Description = "org/name, org/name@revision, org/name/file.gguf or hf://datasets/org/name/file." };
        var revision = new Option<string?>("--revision") { Description = "A branch, a tag or a commit. Default: main.", HelpName = "R" };
        var files = new Option<string[]>("--file")
        {
            Description = "A file, or a glob such as 'data/train-*.parquet'. May be repeated. Default: what a model needs; of a data set, all data files.",
            HelpName = "PATTERN",
            DefaultValueFactory = _ => [],
        };
        var cache = new Option<string?>("--cache")
        {
            Description = "The cache's folder. Default: HF_HUB_CACHE, else hub in HF_HOME, else ~/.cache/huggingface/hub.",
            HelpName = "DIR",
        };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "No progress on standard error." };
        return new Command("pull", "Fetches a model or a data set from the Hugging Face hub into its cache, and prints where it is.") { name, revision, files, cache, quiet }
            .WithExamples(
                "rlhf pull HuggingFaceTB/SmolLM2-135M-Instruct",
                "rlhf pull HuggingFaceTB/SmolLM2-135M-Instruct --revision main --cache /data/hub",
                "rlhf pull hf://datasets/Anthropic/hh-rlhf/helpful-base/train.jsonl.gz",
                "rlhf pull hf://datasets/HuggingFaceH4/ultrafeedback_binarized --file 'data/train_prefs-*.parquet'",
                "HF_TOKEN=hf_... rlhf pull meta-llama/Llama-3.2-1B-Instruct",
                "HF_ENDPOINT=https://mirror.example rlhf pull org/name")
            .Does((parsed, cancellation) =>
            {
                var access = HubFiles.Access;
                var settings = parsed.GetValue(cache) is { } folder ? access.Settings with { Cache = Path.GetFullPath(folder) } : access.Settings;
                using var client = new HubClient(settings, parsed.GetValue(quiet) ? null : access.Progress);
                foreach (var path in Pull(client, Named(parsed.GetRequiredValue(name), parsed.GetValue(revision)), parsed.GetValue(files)!, cancellation))
                {
                    parsed.Output().WriteLine(path);
                }
            });
    }

    private static HubName Named(string text, string? revision)
    {
        var name = HubName.Find(text, Path.GetTempPath()) ?? HubName.Parse(text); // what exists here does not count: the hub is meant
        return revision is null ? name
            : name.Revision is not null ? throw new InputException($"{name} says a revision already: leave --revision out.")
            : HubName.Parse(name.WithRevision(revision));
    }

    private static IEnumerable<string> Pull(HubClient client, HubName name, string[] patterns, CancellationToken cancellation)
    {
        if (patterns.Length > 0 && name.File is not null)
        {
            throw new InputException($"{name} names a file already: leave --file out, or the file.");
        }

        if (name.Kind == HubKind.Model && patterns.Length == 0 && (name.File is null || name.IsGguf))
        {
            return [client.Model(name, cancellation: cancellation).GetAwaiter().GetResult()];
        }

        var isPart = name.Subset is not null || name.Split is not null;
        if (isPart && patterns.Length > 0)
        {
            throw new InputException($"{name} names a part of a data set already: leave --file out, or what follows the question mark.");
        }

        var found = isPart ? client.SplitFiles(name, cancellation) : patterns.Length > 0 || name.File is not null
            ? client.Files(name, name.File is { } file ? [file] : patterns, cancellation)
            : client.DataFiles(name, cancellation);
        return found.GetAwaiter().GetResult().Paths;
    }
}
