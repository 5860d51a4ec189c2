using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Rlhf.Hub;

/// <summary>
/// Which files of a data set a subset and a split mean: as the head of its README.md says (<c>configs</c>), else by the names of files and folders, as the
/// hub's own library goes by them.
/// </summary>
internal static class HubSplits
{
    private const string Usual = "train";
    private const string Unnamed = "default";

    private static readonly (string Split, string[] Words)[] Words =
    [
        (Usual, [Usual, "training"]), ("test", ["test", "testing", "eval", "evaluation"]), ("validation", ["validation", "valid", "val", "dev"]),
    ];

    /// <summary>The patterns of the files.</summary>
    /// <param name="name">The data set, with subset and split; without a split all of a subset that names none, else train.</param>
    /// <param name="card">Its README.md; null where there is none.</param>
    /// <param name="files">Paths of the files that can hold rows.</param>
    /// <exception cref="InputException">There is no such subset or split; says which there are.</exception>
    public static IReadOnlyList<string> Patterns(HubName name, string? card, IReadOnlyList<string> files) =>
        Configurations(card) is { Count: > 0 } told ? Told(name, told) : ByNames(name, files);

    private static string[] Told(HubName name, IReadOnlyList<Configuration> told)
    {
        var found = told.FirstOrDefault(one => name.Subset is null ? one.IsDefault || told.Count == 1 : one.Name == name.Subset)
            ?? (name.Subset is null ? told.FirstOrDefault(static one => one.Name == Unnamed) : null)
            ?? throw new InputException(
                $"{name.Full}: {(name.Subset is null ? "the data set has several subsets" : $"there is no subset '{name.Subset}'")}; name one: {Joined(told.Select(static one => $"?subset={one.Name}"))}.");
        var splits = found.Files.Select(static pair => pair.Split).Distinct().ToArray();
        var split = name.Split ?? (splits is [var only] ? only : Usual);
        return splits.Contains(split)
            ? [.. found.Files.Where(pair => pair.Split == split).Select(static pair => pair.Pattern)]
            : throw NoSplit(name, split, splits);
    }

    private static string[] ByNames(HubName name, IReadOnlyList<string> files)
    {
        var inSubset = name.Subset is null ? files : [.. files.Where(file => file.Split('/').SkipLast(1).Contains(name.Subset))];
        if (inSubset.Count == 0)
        {
            var folders = files.SelectMany(static file => file.Split('/').SkipLast(1)).Distinct().Where(static folder => folder != "data");
            throw new InputException($"{name.Full}: there is no subset '{name.Subset}'; folders with files of rows: {Joined(folders)}.");
        }

        var splits = inSubset.Select(SplitOf).Distinct().ToArray();
        var split = name.Split ?? (splits is [var only] ? only : Usual);
        return splits.Contains(split) ? [.. inSubset.Where(file => SplitOf(file) == split)] : throw NoSplit(name, split, splits);
    }

    // A word of the file's name, or else of a folder's; without one it is train.
    private static string SplitOf(string path)
    {
        foreach (var part in path.Split('/').Reverse())
        {
            var words = part.Split('.', '-', '_', ' ');
            if (Array.Find(Words, split => split.Words.Any(word => words.Contains(word, StringComparer.OrdinalIgnoreCase))) is { Split: not null } found)
            {
                return found.Split;
            }
        }

        return Usual;
    }

    private static InputException NoSplit(HubName name, string split, IEnumerable<string> splits) =>
        new($"{name.Full}: there is no split '{split}'; there is {Joined(splits)}.");

    private static string Joined(IEnumerable<string> names) => string.Join(", ", names.Order(StringComparer.Ordinal).Take(20));

    private sealed record Configuration(string Name, bool IsDefault, IReadOnlyList<(string Split, string Pattern)> Files);

    // The YAML between two lines of dashes; what is broken or of another form says nothing.
    private static List<Configuration> Configurations(string? card)
    {
        var text = (card ?? "").ReplaceLineEndings("\n");
        if (!text.StartsWith("---\n", StringComparison.Ordinal) || text.IndexOf("\n---", 4, StringComparison.Ordinal) is not (> 0 and var end))
        {
            return [];
        }

        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(text[4..end]));
            var configurations = yaml.Documents is [{ RootNode: YamlMappingNode root }] ? Child(root, "configs") as YamlSequenceNode : null;
            return [.. (configurations?.Children ?? []).OfType<YamlMappingNode>().Select(Read).Where(static one => one.Files.Count > 0)];
        }
        catch (YamlException)
        {
            return [];
        }
    }

    private static Configuration Read(YamlMappingNode node) =>
        new(Text(Child(node, "config_name")) ?? Unnamed, Text(Child(node, "default")) == "true", [.. FilesOf(Child(node, "data_files"), Usual).Take(1000)]);

    private static IEnumerable<(string Split, string Pattern)> FilesOf(YamlNode? node, string split) => node switch
    {
        YamlScalarNode { Value: { } pattern } when HubPath.IsSafeGlob(pattern) => [(split, pattern)],
        YamlSequenceNode list => list.Children.SelectMany(child => child is YamlMappingNode pair
            ? Paths(Child(pair, "path"), Text(Child(pair, "split")) ?? split)
            : Paths(child, split)),
        _ => [],
    };

    private static IEnumerable<(string Split, string Pattern)> Paths(YamlNode? node, string split) =>
        (node is YamlSequenceNode list ? list.Children : node is null ? [] : [node]).Select(Text)
            .Where(static path => path is not null && HubPath.IsSafeGlob(path)).Select(path => (split, path!));

    private static YamlNode? Child(YamlMappingNode node, string key) => node.Children.TryGetValue(new YamlScalarNode(key), out var child) ? child : null;

    private static string? Text(YamlNode? node) => (node as YamlScalarNode)?.Value;
}
