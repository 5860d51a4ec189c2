using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.World;

namespace Rlhf.Stages;

/// <summary>The rows of a recipe's data as a stage reads them, counted in its ledger; and the hashes of the files they came from.</summary>
public sealed class StageData
{
    private readonly Recipe _recipe;
    private readonly string _folder;
    private readonly Ledger _ledger;
    private readonly SortedDictionary<string, string> _hashes = new(StringComparer.Ordinal);

    internal StageData(Recipe recipe, RunFolder run, Ledger ledger) : this(recipe, Path.Combine(run.FullPath, "data"), ledger)
    {
    }

    /// <summary>Reads for <paramref name="recipe"/>; what the built-in world writes stands in <paramref name="folder"/>.</summary>
    public StageData(Recipe recipe, string folder, Ledger ledger) => (_recipe, _folder, _ledger) = (recipe, folder, ledger);

    /// <summary>SHA-256 of every file read so far.</summary>
    public IReadOnlyDictionary<string, string> Hashes => _hashes;

    /// <summary>The demonstrations, and those whose prompts are held out.</summary>
    public (IReadOnlyList<Demonstration> Train, IReadOnlyList<Demonstration> HeldOut) Demonstrations() =>
        Split(_recipe.Data.Demonstrations!, QuickstartSet.Demonstrations, source => DataReader.Demonstrations(source, _folder, _ledger), row => row.Prompt);

    /// <summary>The comparisons, and those whose prompts are held out; nothing without a source.</summary>
    public (IReadOnlyList<Ranking> Train, IReadOnlyList<Ranking> HeldOut) Comparisons() =>
        _recipe.Data.Comparisons is { } source ? Split(source, null, read => DataReader.Rankings(read, _folder, _ledger), row => row.Prompt) : ([], []);

    /// <summary>The prompts to answer, and the held-out ones: a share of them, or a source of their own.</summary>
    public (IReadOnlyList<PromptRecord> Train, IReadOnlyList<PromptRecord> HeldOut) Prompts()
    {
        var (train, heldOut) = Split(_recipe.Data.Prompts!, QuickstartSet.Prompts, ReadPrompts, row => row.Prompt);
        return _recipe.Data.EvaluationPrompts is { } evaluation
            ? (train, Split(evaluation, QuickstartSet.EvaluationPrompts, ReadPrompts, row => row.Prompt).Train)
            : (train, heldOut);
    }

    /// <summary>The texts, and the held-out ones.</summary>
    public (IReadOnlyList<TextDocument> Train, IReadOnlyList<TextDocument> HeldOut) Texts() =>
        Split(_recipe.Data.Text!, QuickstartSet.Text, source => DataReader.Texts(source, _folder, _ledger), row => Prompt.FromText(row.Text));

    /// <summary>The format of a source: its own or the recipe's.</summary>
    public FormatOptions FormatOf(DataSource? source) => source?.Format ?? _recipe.Format;

    /// <summary>The files of a source, by its key below <c>data</c>; those that the built-in world writes are written first. None where the recipe has no such
    /// source.</summary>
    /// <exception cref="InputException">A path names no file.</exception>
    public IReadOnlyList<DataFile> FilesOf(string key) =>
        _recipe.Data.Given().Where(given => given.Key == key).Select(given => Resolve(given.Source, SetOf(key))).FirstOrDefault() ?? [];

    /// <summary>
    /// Opens every file of a source and reads its first good row, so that a wrong path or a file of another kind is told before the work begins. What the
    /// built-in world writes needs no look.
    /// </summary>
    /// <exception cref="InputException">A file is absent, unreadable, or its first row is not what it should be.</exception>
    public void ReadFirstRows(string key)
    {
        var unheard = new Ledger("first rows");
        foreach (var (_, source) in _recipe.Data.Given().Where(given => given.Key == key && given.Source.Path.Count > 0))
        {
            foreach (var file in DataFiles.Resolve(source.Path, _folder))
            {
                var own = Readable(source) with { Path = [file.FullPath] };
                IEnumerable<object> rows = key switch
                {
                    nameof(DataOptions.Demonstrations) => DataReader.Demonstrations(own, _folder, unheard),
                    nameof(DataOptions.Comparisons) => DataReader.Rankings(own, _folder, unheard),
                    nameof(DataOptions.Prompts) or nameof(DataOptions.EvaluationPrompts) => DataReader.Prompts(own, _folder, unheard),
                    nameof(DataOptions.Text) => DataReader.Texts(own, _folder, unheard),
                    _ => throw new ArgumentOutOfRangeException(nameof(key), key, "There is no such source."),
                };
                _ = rows.FirstOrDefault();
            }
        }
    }

    private static QuickstartSet? SetOf(string key) => key switch
    {
        nameof(DataOptions.Demonstrations) => QuickstartSet.Demonstrations,
        nameof(DataOptions.Prompts) => QuickstartSet.Prompts,
        nameof(DataOptions.EvaluationPrompts) => QuickstartSet.EvaluationPrompts,
        nameof(DataOptions.Text) => QuickstartSet.Text,
        nameof(DataOptions.Comparisons) => null,
        _ => throw new ArgumentOutOfRangeException(nameof(key), key, "There is no such source."),
    };

    private IReadOnlyList<DataFile> Resolve(DataSource source, QuickstartSet? set) =>
        DataFiles.Resolve(source.Path.Count > 0 || set is null ? source.Path : [GeneratedFile(set.Value)], _folder);

    private IEnumerable<PromptRecord> ReadPrompts(DataSource source) => DataReader.Prompts(source, _folder, _ledger);

    private (IReadOnlyList<T> Train, IReadOnlyList<T> HeldOut) Split<T>(
        DataSource source, QuickstartSet? set, Func<DataSource, IEnumerable<T>> read, Func<T, Prompt> promptOf)
    {
        var files = Resolve(source, set);
        foreach (var file in files)
        {
            Remember(file);
        }

        var isGenerated = source.Path.Count == 0;
        var resolved = Readable(source) with
        {
            Path = isGenerated ? [.. files.Select(file => file.FullPath)] : source.Path,

            // The built-in demonstrations are of mixed quality on purpose, and say so in each row.
            Ignore = isGenerated && set == QuickstartSet.Demonstrations ? ["quality", .. source.Ignore] : source.Ignore,
        };
        return PromptSplit.Split(read(resolved), promptOf, source.HeldOut);
    }

    /// <summary>The format says which fields of a row its text names.</summary>
    private DataSource Readable(DataSource source) => source with { Format = FormatOf(source) };

    private string GeneratedFile(QuickstartSet set)
    {
        var counts = _recipe.Data.Quickstart!;
        return QuickstartData.Write(
            _folder, new QuickstartCounts(counts.Demonstrations, counts.Prompts, counts.EvaluationPrompts, counts.Texts, counts.Seed))[set];
    }

    private void Remember(DataFile file)
    {
        if (!_hashes.ContainsKey(file.Recorded))
        {
            _hashes[file.Recorded] = DurableFiles.FileHash(file.FullPath);
        }
    }
}
