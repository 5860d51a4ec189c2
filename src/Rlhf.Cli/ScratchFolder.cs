using System.Collections.Concurrent;

namespace Rlhf.Cli;

/// <summary>A folder for files that nobody needs after the command, however it ends.</summary>
internal sealed class ScratchFolder : IDisposable
{
    private static readonly ConcurrentDictionary<string, bool> All = new();

    public ScratchFolder()
    {
        Path = Directory.CreateTempSubdirectory("rlhf-").FullName;
        All.TryAdd(Path, true);
    }

    public string Path { get; }

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>For a process that ends at once.</summary>
    public static void DeleteAll()
    {
        foreach (var path in All.Keys)
        {
            Delete(path);
        }
    }

    public void Dispose() => Delete(Path);

    private static void Delete(string path)
    {
        try
        {
            if (All.TryRemove(path, out _))
            {
                Directory.Delete(path, recursive: true);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The system empties its folder for temporary files some day; what came before matters more.
            _ = failure;
        }
    }
}
