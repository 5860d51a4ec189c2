using System.IO.Enumeration;
using Rlhf.Hub;

namespace Rlhf.Data;

/// <summary>A file of a data source.</summary>
/// <param name="Name">Its path as the user would write it; used in positions.</param>
/// <param name="FullPath">Where it is.</param>
public sealed record DataFile(string Name, string FullPath)
{
    /// <summary>Whether it was fetched from the hub: its name tells more than its place in a cache.</summary>
    internal bool IsFetched { get; init; }

    /// <summary>By what records name it: its full path, or its name on the hub with the commit.</summary>
    internal string Recorded => IsFetched ? Name : FullPath;
}

/// <summary>Finds the files that a source names.</summary>
public static class DataFiles
{
    private static readonly char[] Separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = FileAttributes.Hidden };

    /// <summary>Files that lie beside the shards of a data set and hold no rows.</summary>
    private static readonly string[] AboutData = ["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "croissant.json"];

    /// <summary>Endings of files that hold rows, each also with <c>.gz</c> or <c>.zst</c>.</summary>
    public static IReadOnlyList<string> Endings { get; } =
        [".jsonl", ".ndjson", ".json", ".parquet", ".csv", ".tsv", ".tab", ".arrow", ".feather", ".ipc", ".arrows"];

    /// <summary>A folder that is a link may lead back to a folder above it.</summary>
    private static readonly EnumerationOptions NoLinks = new() { AttributesToSkip = FileAttributes.Hidden | FileAttributes.ReparsePoint };

    /// <summary>
    /// The files, in the order of <paramref name="paths"/>, those of a glob in ordinal order of their names. <c>*</c> and <c>?</c> match within a name,
    /// <c>**</c> any
    /// number of folders. A folder stands for the files of rows in it, in the order of their names. A name on the hub
    /// (<c>hf://datasets/org/name/data/*.parquet</c>) is fetched.
    /// </summary>
    /// <exception cref="InputException">No path is given, one matches nothing, or a file is named twice.</exception>
    /// <exception cref="RunFailedException">The hub cannot be asked.</exception>
    public static IReadOnlyList<DataFile> Resolve(IReadOnlyList<string> paths, string baseFolder)
    {
        if (paths.Count == 0)
        {
            throw new InputException("A data source names no file: give its path.");
        }

        List<DataFile> files = [];
        foreach (var path in paths)
        {
            var found = HubFiles.Data(path, baseFolder) is { } fetched
                ? [.. fetched.Select(static copy => new DataFile(copy.Name, copy.Path) { IsFetched = true })]
                : Find(path, baseFolder);
            if (found.Count == 0)
            {
                throw InputException.Missing($"{path}: no such file{(Path.IsPathRooted(path) ? "" : $", looked for below {Path.GetFullPath(baseFolder)}")}.{ForeignFile.HubAdvice(path, "dataset")}");
            }

            files.AddRange(found);
        }

        if (files.GroupBy(file => file.FullPath, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new InputException($"{twice.First().Name}: the data source names this file twice.");
        }

        return files;
    }

    /// <summary>The one file that a path or a name on the hub means, seen from the current folder.</summary>
    /// <exception cref="InputException">It means none, or several.</exception>
    public static DataFile One(string path) => Resolve([path], Directory.GetCurrentDirectory()) is [var file]
        ? file
        : throw new InputException($"{path}: this fits several files, and one is needed here.");

    private static List<DataFile> Find(string path, string baseFolder)
    {
        if (path.IndexOfAny(['*', '?']) < 0)
        {
            var full = Path.GetFullPath(Path.Combine(baseFolder, path));
            return File.Exists(full) ? [new DataFile(path, full)] : Directory.Exists(full) ? InFolder(path, full) : [];
        }

        var root = Path.GetPathRoot(path)!;
        var segments = path[root.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries);
        List<DataFile> files = [];
        Walk(root.Length > 0 ? root : baseFolder, root, segments, files);
        files.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return files;
    }

    /// <summary>The files of rows in a folder, in ordinal order of their names: the shards of one data set. What says something about a data set is none of
    /// them.</summary>
    private static List<DataFile> InFolder(string path, string full)
    {
        List<DataFile> files = [.. Directory.EnumerateFiles(full, "*", Everything)
            .Select(file => new DataFile(Path.Combine(path, Path.GetFileName(file)), file))
            .Where(file => EndingOf(file) is { } && !AboutData.Contains(Path.GetFileName(file.Name)))
            .OrderBy(file => file.Name, StringComparer.Ordinal)];
        string[] endings = [.. files.Select(EndingOf).Distinct().Order(StringComparer.Ordinal)!];
        return endings.Length switch
        {
            1 => files,
            0 => throw new InputException($"{path}: this folder has no files of rows ({string.Join(", ", Endings)}, each also with .gz or .zst); name its files, as in '{Path.Combine(path, "*.jsonl")}'."),
            _ => throw new InputException($"{path}: this folder has files of several kinds ({string.Join(", ", endings)}): name those that are meant, as in '{Path.Combine(path, "*" + endings[0])}'."),
        };
    }

    private static string? EndingOf(DataFile file) =>
        Path.GetExtension(DataStream.WithoutPacking(Path.GetFileName(file.Name))).ToLowerInvariant() is var ending && Endings.Contains(ending)
            ? ending
            : null;

    private static void Walk(string folder, string name, ReadOnlySpan<string> segments, List<DataFile> files)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        var (segment, last) = (segments[0], segments.Length == 1);
        if (segment == "**" && !last)
        {
            Walk(folder, name, segments[1..], files);
            foreach (var child in Directory.EnumerateDirectories(folder, "*", NoLinks))
            {
                Walk(child, Path.Combine(name, Path.GetFileName(child)), segments, files);
            }
        }
        else if (last)
        {
            files.AddRange(Directory.EnumerateFiles(folder, "*", Everything)
                .Where(file => FileSystemName.MatchesSimpleExpression(segment, Path.GetFileName(file), ignoreCase: false))
                .Select(file => new DataFile(Path.Combine(name, Path.GetFileName(file)), Path.GetFullPath(file))));
        }
        else if (segment is "." or ".." || segment.IndexOfAny(['*', '?']) < 0)
        {
            Walk(Path.Combine(folder, segment), Path.Combine(name, segment), segments[1..], files);
        }
        else
        {
            foreach (var child in Directory.EnumerateDirectories(folder, "*", Everything))
            {
                if (FileSystemName.MatchesSimpleExpression(segment, Path.GetFileName(child), ignoreCase: false))
                {
                    Walk(child, Path.Combine(name, Path.GetFileName(child)), segments[1..], files);
                }
            }
        }
    }
}
