using System.Text;
using Rlhf.Tokenization;

namespace Rlhf.Runs;

/// <summary>
/// The folder of one run. It belongs to one process at a time and to one resolved recipe: opening it takes a lock, refuses a folder with something else in it, and
/// resumes only the same recipe.
/// </summary>
public sealed class RunFolder : IDisposable
{
    /// <summary>The resolved recipe.</summary>
    public const string RecipeFile = "recipe.yaml";

    private const string LockFile = ".lock";
    private const int MostDifferences = 10;

    // They say when a run goes on, not what comes out of it.
    private static readonly HashSet<string> MayChange = new(StringComparer.Ordinal) { "collect.wait", "collect.enough" };

    private readonly FileStream lockStream;

    private RunFolder(string path, FileStream lockStream)
    {
        FullPath = path;
        this.lockStream = lockStream;
    }

    /// <summary>Where it is.</summary>
    public string FullPath { get; }

    /// <summary>Whether there is a run in this folder.</summary>
    public static bool HoldsRun(string path) => File.Exists(Path.Combine(path, RecipeFile));

    /// <summary>The day that the templates of the run in this folder write; null where there is no run or its templates write none.</summary>
    public static DateOnly? DateOf(string path)
    {
        var file = Path.Combine(path, RecipeFile);
        return File.Exists(file)
            && Flatten(File.ReadAllText(file)).FirstOrDefault(entry => entry.Key.EndsWith("format.date", StringComparison.Ordinal)).Value is { } text
            && DateOnly.TryParseExact(text, FixedDate.Form, out var day) ? day : null;
    }

    /// <summary>Creates the folder of a new run, or with <paramref name="resume"/> opens the run in it.</summary>
    /// <exception cref="InputException">Another process runs in it; it holds a run and <paramref name="resume"/> is not set, or something else; or its recipe differs.</exception>
    public static RunFolder Open(string path, Recipe recipe, bool resume)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseForeignContent(full);
        FileStream lockStream;
        try
        {
            Directory.CreateDirectory(full);
            lockStream = Lock(full);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new InputException($"{path}: the run folder cannot be written: {exception.Message}", exception);
        }

        var folder = new RunFolder(full, lockStream);
        try
        {
            folder.TakeRecipe(RecipeWriter.Write(recipe), path, resume);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>The folder of a stage.</summary>
    public string StageFolder(StageStep step) => Path.Combine(FullPath, "stages", step.Name);

    /// <summary>The model that a stage writes.</summary>
    public string ModelFolder(StageStep step) => Path.Combine(StageFolder(step), "model");

    /// <summary>Whether a stage is complete: its summary is written last.</summary>
    public bool IsDone(StageStep step) => File.Exists(Path.Combine(StageFolder(step), "summary.json"));

    /// <summary>Whether a stage was begun.</summary>
    public bool IsBegun(StageStep step) => Directory.Exists(StageFolder(step));

    /// <summary>Replaces a file of the run whole.</summary>
    public void Write(string name, ReadOnlyMemory<byte> content) =>
        DurableFiles.WriteAtomically(Path.Combine(FullPath, name), stream => stream.Write(content.Span));

    /// <summary>Gives the folder free.</summary>
    public void Dispose() => lockStream.Dispose();

    private static void RefuseForeignContent(string path)
    {
        if (File.Exists(path))
        {
            throw new InputException($"{path} is a file; --out needs a folder");
        }

        if (Directory.Exists(path) && !HoldsRun(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => !IsOurs(Path.GetFileName(entry))))
        {
            throw new InputException($"{path} holds other files and no run; choose another --out");
        }
    }

    // What a death before the recipe was written may leave.
    private static bool IsOurs(string name) => name == LockFile || name.StartsWith(RecipeFile, StringComparison.Ordinal);

    private static FileStream Lock(string path)
    {
        try
        {
            // The system lets go of the lock however the process ends.
            return new FileStream(Path.Combine(path, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception)
        {
            throw new InputException($"{path}: another process is running in this folder; wait for it or choose another --out ({exception.Message})", exception);
        }
    }

    private void TakeRecipe(string resolved, string shown, bool resume)
    {
        var file = Path.Combine(FullPath, RecipeFile);
        if (!File.Exists(file))
        {
            Write(RecipeFile, Encoding.UTF8.GetBytes(resolved));
            return;
        }

        if (!resume)
        {
            throw new InputException($"{shown} holds a run already; go on with it by --resume, or choose another --out");
        }

        var differences = Differences(File.ReadAllText(file), resolved);
        if (differences.Exists(difference => !MayChange.Contains(difference.Key)))
        {
            throw new InputException($"{shown} was begun with another recipe; resume it with the same one, or choose another --out. What differs:{Environment.NewLine}"
                + string.Join(Environment.NewLine, differences.Take(MostDifferences).Select(difference => "  " + difference.Text)));
        }

        if (differences.Count > 0)
        {
            Write(RecipeFile, Encoding.UTF8.GetBytes(resolved));
        }
    }

    private static List<(string Key, string Text)> Differences(string before, string now)
    {
        var (old, current) = (Flatten(before), Flatten(now));
        return
        [
            .. old.Keys.Union(current.Keys)
                .Where(key => old.GetValueOrDefault(key) != current.GetValueOrDefault(key))
                .Select(key => (key, $"{key}: {old.GetValueOrDefault(key, "(absent)")} -> {current.GetValueOrDefault(key, "(absent)")}")),
        ];
    }

    private static Dictionary<string, string> Flatten(string recipe)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        Flatten(RecipeNodeReader.ReadFile(recipe, RecipeFile), "", values);
        return values;
    }

    private static string Flatten(RecipeNode node, string path, Dictionary<string, string> values)
    {
        var text = node switch
        {
            RecipeScalar scalar => scalar.Text,
            RecipeSequence list => $"[{string.Join(", ", list.Items.Select(item => Flatten(item, "", [])))}]",
            _ => "{}",
        };
        foreach (var entry in node is RecipeMapping mapping ? mapping.Entries : [])
        {
            Flatten(entry.Value, path.Length == 0 ? entry.Key : $"{path}.{entry.Key}", values);
        }

        if (path.Length > 0)
        {
            values[path] = text;
        }

        return text;
    }
}
