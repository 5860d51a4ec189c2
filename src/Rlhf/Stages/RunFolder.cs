using System.Text;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>
/// The folder of one run. It belongs to one process at a time and to one resolved recipe: opening it takes a lock, refuses a folder with something else in it,
/// and
/// resumes only the same recipe. What its stages read and wrote is hashed, and compared before anything goes on from it.
/// </summary>
public sealed class RunFolder : IDisposable
{
    /// <summary>The resolved recipe.</summary>
    public const string RecipeFile = "recipe.yaml";

    private const string BaseFile = "base.json";
    private const string HubFile = "hub.json";
    private const string LockFile = ".lock";
    private const string Checksum = "# crc32c ";
    private const string ChecksumNote = " of the lines above: a run keeps its recipe; a changed one needs another --out.\n";
    private const int MostDifferences = 10;

    // They say when a run goes on, not what comes out of it.
    private static readonly HashSet<string> MayChange = new(StringComparer.Ordinal) { "collect.wait", "collect.enough", "sft.people.wait", "sft.people.enough" };

    private readonly FileStream _lockStream;
    private readonly bool _existed;
    private bool _isNew;

    private RunFolder(string path, FileStream lockStream, bool existed)
    {
        FullPath = path;
        _lockStream = lockStream;
        _existed = existed;
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
            && Flatten(ReadRecipe(file)).FirstOrDefault(entry => entry.Key.EndsWith("format.date", StringComparison.Ordinal)).Value is { } text
            && DateOnly.TryParseExact(text, FixedDate.Form, out var day) ? day : null;
    }

    /// <summary>Creates the folder of a new run, or with <paramref name="resume"/> opens the run in it.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="recipe">The resolved recipe, as it is written down.</param>
    /// <param name="resume">Whether a run may be in it already.</param>
    /// <exception cref="InputException">Another process runs in it; it holds a run and <paramref name="resume"/> is not set, or something else; or its recipe
    /// differs.</exception>
    public static RunFolder Open(string path, string recipe, bool resume)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        RefuseForeignContent(full);
        var existed = Directory.Exists(full);
        FileStream lockStream;
        try
        {
            Directory.CreateDirectory(full);
            lockStream = Lock(full);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw new InputException($"{path}: the run folder cannot be written: {FileFailure.ReasonOf(exception)}", exception);
        }

        var folder = new RunFolder(full, lockStream, existed);
        try
        {
            folder.TakeRecipe(recipe, path, resume);
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

    /// <summary>The path of a file as records name it: in the run folder, or whole.</summary>
    internal string NameOf(string file) =>
        file.StartsWith(FullPath + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? Path.GetRelativePath(FullPath, file).Replace(Path.DirectorySeparatorChar, '/')
            : file;

    /// <summary>What making the base model read, and the files it wrote; null before it is made.</summary>
    internal BaseRecord? ReadBase() =>
        File.Exists(Path.Combine(FullPath, BaseFile)) ? CheckedJson.Read<BaseRecord>(Path.Combine(FullPath, BaseFile), SummaryFiles.Json) : null;

    /// <summary>The commits that names on the hub meant when the run in this folder began; empty where there is no run or it names none.</summary>
    internal static IReadOnlyDictionary<string, string> HubCommitsOf(string path) =>
        Path.Combine(path, HubFile) is var file && HoldsRun(path) && File.Exists(file)
            ? CheckedJson.Read<Dictionary<string, string>>(file, SummaryFiles.Json)
            : new Dictionary<string, string>();

    /// <summary>Keeps them; what is kept stays.</summary>
    internal void WriteHubCommits(IReadOnlyDictionary<string, string> commits)
    {
        var file = Path.Combine(FullPath, HubFile);
        if (commits.Count > 0 && !File.Exists(file))
        {
            CheckedJson.Write(file, commits, SummaryFiles.Json);
        }
    }

    /// <summary>Keeps them.</summary>
    internal void WriteBase(BaseRecord record) => CheckedJson.Write(Path.Combine(FullPath, BaseFile), record, SummaryFiles.Json);

    /// <summary>What a stage reads, as it was when the stage began; null where it has not begun.</summary>
    internal StageInputs? ReadInputs(StageStep step) =>
        Path.Combine(StageFolder(step), StageInputs.FileName) is var file && File.Exists(file) ? CheckedJson.Read<StageInputs>(file, SummaryFiles.Json) : null;

    /// <summary>Whether a stage is complete, or has kept something that it will go on from.</summary>
    internal bool HoldsWork(StageStep step) => IsBegun(step) && StageFiles.HoldsWork(StageFolder(step));

    /// <summary>Makes the folder of a stage, or brings it into order after a death, and keeps what the stage reads.</summary>
    internal void Begin(StageStep step, StageInputs? inputs)
    {
        try
        {
            Directory.CreateDirectory(StageFolder(step));
            DurableFiles.RecoverFolder(ModelFolder(step));
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(StageFolder(step), exception);
        }

        if (inputs is not null)
        {
            CheckedJson.Write(Path.Combine(StageFolder(step), StageInputs.FileName), inputs, SummaryFiles.Json);
        }
    }

    /// <summary>Refuses a complete stage whose files or metrics are not what it wrote.</summary>
    /// <exception cref="InputException">Names them.</exception>
    internal void RequireWhole(StageStep step)
    {
        var folder = StageFolder(step);
        var remedy = $"Put them back as they were. Or delete {folder} and the stages after it, and --resume does them again.";
        var summary = SummaryFiles.ReadStage(folder);
        StageFiles.RequireWhole(
            folder, summary.Files ?? throw new InputException(
                $"{Path.Combine(folder, "summary.json")} has no hashes of the stage's files: it is from an earlier version of the program. {remedy}"), remedy);
        var metrics = Path.Combine(FullPath, MetricsFile.Name);
        if (Crc32C.ToText(MetricsFile.ChecksumOf(metrics, step.Name)) is var found && found != summary.MetricsChecksum)
        {
            throw new InputException(
                $"{metrics}: the rows of {step.Name} are damaged or were changed (checksum {found}, when the stage ended {summary.MetricsChecksum}). {remedy}");
        }
    }

    /// <summary>After a stage ended by a mistake in its inputs: a stage that has kept nothing was never begun, and a new run without a stage leaves nothing
    /// behind.</summary>
    internal void ForgetVain(StageStep? step)
    {
        try
        {
            if (step is not null && Directory.Exists(StageFolder(step)) && !StageFiles.HoldsWork(StageFolder(step)))
            {
                Directory.Delete(StageFolder(step), recursive: true);
            }

            var stages = Path.Combine(FullPath, "stages");
            if (_isNew && !(Directory.Exists(stages) && Directory.EnumerateFileSystemEntries(stages).Any()))
            {
                DeleteAll();
            }
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            // The failure that led here matters more.
        }
    }

    /// <summary>Gives the folder free.</summary>
    public void Dispose() => _lockStream.Dispose();

    // A new run's folder held nothing of others.
    private void DeleteAll()
    {
        _lockStream.Dispose();
        if (_existed)
        {
            Directory.GetDirectories(FullPath).ToList().ForEach(folder => Directory.Delete(folder, recursive: true));
            Directory.GetFiles(FullPath).ToList().ForEach(File.Delete);
        }
        else
        {
            Directory.Delete(FullPath, recursive: true);
        }
    }

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
        catch (IOException exception) when (FileFailure.IsLock(exception))
        {
            throw new InputException($"{path}: another process is running in this folder; wait for it or choose another --out", exception);
        }
    }

    private void TakeRecipe(string resolved, string shown, bool resume)
    {
        var file = Path.Combine(FullPath, RecipeFile);
        if (!File.Exists(file))
        {
            _isNew = true;
            WriteRecipe(resolved);
            return;
        }

        if (!resume)
        {
            throw new InputException($"{shown} holds a run already; go on with it by --resume, or choose another --out");
        }

        var differences = Differences(ReadRecipe(file), resolved);
        if (differences.Exists(difference => !MayChange.Contains(difference.Key)))
        {
            throw new InputException(
                $"{shown} was begun with another recipe; resume it with the same one, or choose another --out. What differs:{Environment.NewLine}"
                + string.Join(Environment.NewLine, differences.Take(MostDifferences).Select(difference => "  " + difference.Text)));
        }

        if (differences.Count > 0)
        {
            WriteRecipe(resolved);
        }
    }

    private void WriteRecipe(string resolved) => Write(RecipeFile, Encoding.UTF8.GetBytes(resolved + LastLine(resolved)));

    private static string LastLine(string text) => Checksum + Crc32C.ToText(Crc32C.Compute(Encoding.UTF8.GetBytes(text))) + ChecksumNote;

    private static string ReadRecipe(string file)
    {
        var text = WholeFile.Text(file, Limits.HandWrittenFile);
        var end = text.LastIndexOf(Checksum, StringComparison.Ordinal);
        return end >= 0 && text[end..] == LastLine(text[..end])
            ? text[..end]
            : throw new InputException(
                $"{file} is damaged or was changed since the run began: its last line is not the checksum of those above. Put it back as it was, or begin a new run with another --out.");
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
