using System.Text.Json;
using System.Text.RegularExpressions;

namespace Rlhf.Hub;

/// <summary>Which files of a repository a model needs: the settings, the tokenizer, and one form of the weights. A pickle can run any program when it is
/// opened, so none is ever fetched.</summary>
internal static partial class ModelFiles
{
    private const string SingleFile = "model.safetensors";
    private const string IndexFile = "model.safetensors.index.json";
    private const string AdapterFile = "adapter_model.safetensors";

    private static readonly string[] Settings =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json", "prompt_format.json", "adapter_config.json",
    ];

    private static readonly string[] Tokenizers = ["tokenizer.json", "vocab.json", "tokenizer.model"];
    private static readonly string[] Pickles = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"];

    /// <summary>Whether a file is a pickle, or may be one.</summary>
    public static bool IsPickle(string path) => Array.Exists(Pickles, ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    /// <summary>Everything but the weights, and the index that tells which these are.</summary>
    /// <exception cref="InputException">The repository holds no model that could be read.</exception>
    public static IReadOnlyList<HubFile> SettingsOf(HubName name, IReadOnlyList<HubFile> files)
    {
        RequireModel(name, files);
        return [.. files.Where(file => Settings.Contains(file.Path) || (file.Path == IndexFile && IsSharded(files)))];
    }

    /// <summary>The weights: one file, or those that the index names; of an adapter, its own.</summary>
    /// <param name="name">The repository.</param>
    /// <param name="files">All that it has.</param>
    /// <param name="folder">Where the index is.</param>
    /// <exception cref="InputException">The index is not sound, or names what is not there.</exception>
    public static IReadOnlyList<HubFile> WeightsOf(HubName name, IReadOnlyList<HubFile> files, string folder)
    {
        var byPath = files.ToDictionary(static file => file.Path, StringComparer.Ordinal);
        var shards = IsSharded(files) ? ShardsOf(Path.Combine(folder, IndexFile)) : [];
        return [.. files.Where(static file => file.Path is SingleFile or AdapterFile), .. shards.Select(shard => byPath.GetValueOrDefault(shard)
            ?? throw new InputException($"{name}: {IndexFile} names {shard}, which the repository does not have: it is not complete."))];
    }

    /// <summary>All parts of a GGUF file that is one of several.</summary>
    public static string PatternOf(string file) => PartNumber().Replace(file, static match => $"-?????-of-{match.Groups[1].Value}.gguf");

    /// <summary>Refuses a file that may be a pickle.</summary>
    public static void RefusePickle(HubName name, string path)
    {
        if (IsPickle(path))
        {
            throw new InputException(
                $"{name.WithoutFile}: {path} may be a pickle, which can run any program when it is opened: such files are never fetched. Take the same weights as safetensors.");
        }
    }

    // Where there are both, one file is enough: it is what others read first.
    private static bool IsSharded(IReadOnlyList<HubFile> files) =>
        files.Any(static file => file.Path == IndexFile) && !files.Any(static file => file.Path == SingleFile);

    private static void RequireModel(HubName name, IReadOnlyList<HubFile> files)
    {
        bool Has(Func<string, bool> fits) => files.Any(file => !file.Path.Contains('/', StringComparison.Ordinal) && fits(file.Path));
        if (Has(static path => path is SingleFile or IndexFile or AdapterFile))
        {
            return;
        }

        string[] ggufs = [.. files.Select(static file => file.Path)
            .Where(static path => path.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        if (files.FirstOrDefault(static file => !file.Path.Contains('/', StringComparison.Ordinal) && IsPickle(file.Path)) is { } pickle)
        {
            throw new InputException(
                $"{name}: its weights are pickles ({pickle.Path}), which can run any program when they are opened and are never fetched. Take a repository or revision of the same model with safetensors (a conversion often waits as a pull request: {name.Repository}@refs/pr/1), or save them as safetensors on a machine where that does no harm (save_pretrained) and give that folder.");
        }

        if (ggufs.Length > 0)
        {
            throw new InputException($"{name}: the repository has GGUF files; name one of them: {string.Join(", ", ggufs.Take(12).Select(file => $"{name}/{file}"))}{(ggufs.Length > 12 ? " and more" : "")}.");
        }

        if (!Has(Tokenizers.Contains)) // which is all that a recipe's base.tokenizer needs
        {
            throw new InputException($"{name}: the repository has neither {SingleFile} nor {IndexFile}, so it holds no model that is read here.");
        }
    }

    private static string[] ShardsOf(string index)
    {
        var json = StrictJson.ObjectOf(index, Limits.WeightsIndex);
        return json.TryGetProperty("weight_map", out var map) && map.ValueKind == JsonValueKind.Object
            && map.EnumerateObject().All(static entry => entry.Value.ValueKind == JsonValueKind.String)
            ? [.. map.EnumerateObject().Select(static entry => entry.Value.GetString()!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
                .Select(shard => IsPickle(shard) || !shard.EndsWith(".safetensors", StringComparison.Ordinal)
                    ? throw new InputException($"{index}: it names a file that is not safetensors") : shard)]
            : throw new InputException($"{index}: \"weight_map\" must be an object from tensor names to file names.");
    }

    [GeneratedRegex(@"-\d{5}-of-(\d{5})\.gguf$", RegexOptions.IgnoreCase)]
    private static partial Regex PartNumber();
}
