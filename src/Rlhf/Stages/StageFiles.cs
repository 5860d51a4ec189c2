namespace Rlhf.Stages;

/// <summary>The files that a complete stage has written, with their hashes in its summary: what later stages read is what it wrote, or they do not
/// begin.</summary>
internal static class StageFiles
{
    private const string Summary = "summary.json";
    private const string Checkpoints = "checkpoints";

    /// <summary>SHA-256 (hex) of every file in a folder, by its path in it; the summary and checkpoints do not count.</summary>
    /// <exception cref="InputException">A file cannot be read.</exception>
    public static IReadOnlyDictionary<string, string> HashesOf(string folder) => new SortedDictionary<string, string>(
        NamesOf(folder).ToDictionary(name => name, name => DurableFiles.FileHash(Path.Combine(folder, name))), StringComparer.Ordinal);

    /// <summary>Refuses a folder whose files are not those that were hashed.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="hashes">What <see cref="HashesOf"/> gave when it was complete.</param>
    /// <param name="remedy">What a person can do about it.</param>
    /// <exception cref="InputException">Names every file that was changed, or is missing or new in a model's folder, with both hashes.</exception>
    public static void RequireWhole(string folder, IReadOnlyDictionary<string, string> hashes, string remedy)
    {
        var problems = new List<string>();
        foreach (var (name, expected) in hashes)
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                problems.Add($"  {path} is missing");
            }
            else if (DurableFiles.FileHash(path) is var found && found != expected)
            {
                problems.Add($"  {path} is damaged or was changed: its SHA-256 was {expected} and is {found}");
            }
        }

        // A file that stands beside a model may change how it is read; elsewhere nobody looks for it.
        problems.AddRange(NamesOf(folder).Where(name => name.Contains('/', StringComparison.Ordinal) && !hashes.ContainsKey(name))
            .Select(name => $"  {Path.Combine(folder, name)} is new"));
        if (problems.Count > 0)
        {
            throw new InputException(
                $"Results of the run are not what it has written:{Environment.NewLine}{string.Join(Environment.NewLine, problems)}{Environment.NewLine}{remedy}");
        }
    }

    /// <summary>Removes checkpoints that a death has left beside a complete model.</summary>
    public static void DeleteCheckpoints(string folder)
    {
        try
        {
            foreach (var checkpoints in Directory.GetDirectories(folder, Checkpoints + "*"))
            {
                Directory.Delete(checkpoints, recursive: true);
            }
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(folder, exception);
        }
    }

    /// <summary>Whether a stage that was begun and ended by a mistake in its inputs has kept something worth keeping.</summary>
    public static bool HoldsWork(string folder) =>
        Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName)
            .Any(name => name is not (StageInputs.FileName or Data.Ledger.FileName) && !name!.StartsWith("samples", StringComparison.Ordinal)
                && !name.EndsWith(SpillFile.Ending, StringComparison.Ordinal));

    private static IEnumerable<string> NamesOf(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/'))
        .Where(name => name != Summary && !name.StartsWith(Checkpoints, StringComparison.Ordinal)
            && !name.EndsWith(DurableFiles.Partial, StringComparison.Ordinal));
}
