namespace Fuzz;

/// <summary>An input: files by name. What is no file (a template, an override) is one, too.</summary>
public sealed class FuzzCase
{
    /// <summary>An input of these files.</summary>
    public FuzzCase(IEnumerable<KeyValuePair<string, byte[]>> files) =>
        Files = new SortedDictionary<string, byte[]>(files.ToDictionary(), StringComparer.Ordinal);

    /// <summary>Contents by name, in the names' order.</summary>
    public SortedDictionary<string, byte[]> Files { get; }

    /// <summary>What was done to it, for people.</summary>
    public string Changes { get; init; } = "";

    /// <summary>Writes the files into a folder; those of the case before it go.</summary>
    public void WriteTo(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        foreach (var (name, content) in Files)
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }
    }

    /// <summary>The files of a folder.</summary>
    public static FuzzCase ReadFrom(string folder) => new(Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
        .Select(path => KeyValuePair.Create(Path.GetRelativePath(folder, path), File.ReadAllBytes(path))));
}
