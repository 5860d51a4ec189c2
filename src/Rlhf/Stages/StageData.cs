using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Grading;
using Rlhf.World;

namespace Rlhf.Stages;

/// <summary>The rows of a recipe's data as a stage reads them, one in memory at a time, counted in its ledger; and the hashes of the files they came
/// from.</summary>
public sealed class StageData
{
    private readonly Recipe _recipe;
    private readonly string _folder;
    private readonly Ledger _ledger;
    private readonly SortedDictionary<string, string> _hashes = new(StringComparer.Ordinal);
    private DataSource? _written;

    internal StageData(Recipe recipe, RunFolder run, Ledger ledger) : this(recipe, Path.Combine(run.FullPath, "data"), ledger)
    {
    }

    /// <summary>Reads for <paramref name="recipe"/>; what the built-in world writes stands in <paramref name="folder"/>.</summary>
    public StageData(Recipe recipe, string folder, Ledger ledger) => (_recipe, _folder, _ledger) = (recipe, folder, ledger);

    /// <summary>SHA-256 of every file read so far.</summary>
    public IReadOnlyDictionary<string, string> Hashes => _hashes;

    /// <summary>The demonstrations, each with whether it is held out.</summary>
    public IEnumerable<(Demonstration Row, bool IsHeldOut)> Demonstrations() =>
        Split(nameof(DataOptions.Demonstrations), _written ?? _recipe.Data.Demonstrations!, QuickstartSet.Demonstrations,
            source => DataReader.Demonstrations(source, _folder, _ledger),
            row => (row.Prompt.SplitKey, row.Id, row.Position));

    /// <summary>Whether there are demonstrations: people may have to write them first.</summary>
    public bool HasDemonstrations => (_written ?? _recipe.Data.Demonstrations) is not null;

    /// <summary>Takes the demonstrations from a source that the run itself has made.</summary>
    public void TakeDemonstrations(DataSource source) => _written = source;

    /// <summary>The comparisons, each with whether it is held out; nothing without a source.</summary>
    public IEnumerable<(Ranking Row, bool IsHeldOut)> Comparisons() =>
        _recipe.Data.Comparisons is { } source
            ? Split(nameof(DataOptions.Comparisons), source, null, read => DataReader.Rankings(read, _folder, _ledger),
                row => (row.Prompt.SplitKey, row.Id, row.Position))
            : [];

    /// <summary>Answers marked good or bad, each with whether its prompt is held out; nothing without a source.</summary>
    public IEnumerable<(LabeledAnswer Row, bool IsHeldOut)> Labeled() =>
        _recipe.Data.Labeled is { } source
            ? Split(nameof(DataOptions.Labeled), source, null, read => DataReader.Labeled(read, _folder, _ledger),
                row => (row.Prompt.SplitKey, row.Id, row.Position))
            : [];

    /// <summary>The prompts to answer, each with whether it is held out: a share of them, or a source of their own behind the others.</summary>
    public IEnumerable<(PromptRecord Row, bool IsHeldOut)> Prompts()
    {
        var prompts = SplitPrompts(nameof(DataOptions.Prompts), _recipe.Data.Prompts!, QuickstartSet.Prompts);
        return _recipe.Data.EvaluationPrompts is not { } evaluation ? prompts : prompts.Where(prompt => !prompt.IsHeldOut)
            .Concat(SplitPrompts(nameof(DataOptions.EvaluationPrompts), evaluation, QuickstartSet.EvaluationPrompts).Where(prompt => !prompt.IsHeldOut)
                .Select(prompt => (prompt.Row, IsHeldOut: true)));
    }

    private IEnumerable<(PromptRecord Row, bool IsHeldOut)> SplitPrompts(string key, DataSource source, QuickstartSet set) =>
        Split(key, source with { References = References }, set, ReadPrompts, row => (row.Prompt.SplitKey, row.Id, row.Position));

    /// <summary>The first prompts of one side; all rows are read and counted.</summary>
    public List<PromptRecord> FirstPrompts(bool heldOut, int most)
    {
        var first = new List<PromptRecord>();
        foreach (var (row, _) in Prompts().Where(prompt => prompt.IsHeldOut == heldOut))
        {
            if (first.Count < most)
            {
                first.Add(row);
            }
        }

        return first;
    }

    /// <summary>The texts, each with whether it is held out.</summary>
    public IEnumerable<(TextDocument Row, bool IsHeldOut)> Texts() =>
        Split(nameof(DataOptions.Text), _recipe.Data.Text!, QuickstartSet.Text, source => DataReader.Texts(source, _folder, _ledger),
            row => (row.Group ?? row.Text, row.Id, row.Position));

    /// <summary>The format of a source: its own or the recipe's.</summary>
    public FormatOptions FormatOf(DataSource? source) => source?.Format ?? _recipe.Format;

    /// <summary>The files of a source, by its key below <c>data</c>; those that the built-in world writes are written first. None where the recipe has no such
    /// source.</summary>
    /// <exception cref="InputException">A path names no file.</exception>
    public IReadOnlyList<DataFile> FilesOf(string key) =>
        _recipe.Data.Given().Where(given => given.Key == key).Select(given => Resolve(given.Source, SetOf(key))).FirstOrDefault() ?? [];

    /// <summary>
    /// Opens every file of a source and reads its first good row, so that a wrong path or a file of another kind is told before the work begins; of a source
    /// that is split by a field all rows, so that a value that is in none of them is told then too. What the built-in world writes needs no look.
    /// </summary>
    /// <exception cref="InputException">A file is absent, unreadable, its first row is not what it should be, or the rows cannot be split as asked.</exception>
    public void Look(string key)
    {
        var unheard = new Ledger("first rows");
        foreach (var (_, source) in _recipe.Data.Given().Where(given => given.Key == key && given.Source.Path.Count > 0))
        {
            foreach (var file in DataFiles.Resolve(source.Path, _folder))
            {
                _ = DataReader.Read(Readable(source) with { Path = [file.FullPath], References = References }, _folder, unheard, KindOf(key)).FirstOrDefault();
            }

            if (source.SplitBy is not null)
            {
                var split = new SourceSplit(source, NameOf(key));
                foreach (var record in DataReader.Read(Readable(source), _folder, unheard, KindOf(key)))
                {
                    _ = split.IsHeldOut(record.SplitKey);
                }

                split.Check();
            }
        }
    }

    private static string NameOf(string key) => $"data.{SnakeCase.From(key)}";

    private static RecordKind KindOf(string key) => key switch
    {
        nameof(DataOptions.Demonstrations) => RecordKind.Demonstration,
        nameof(DataOptions.Comparisons) => RecordKind.Ranking,
        nameof(DataOptions.Labeled) => RecordKind.Labeled,
        nameof(DataOptions.Prompts) or nameof(DataOptions.EvaluationPrompts) => RecordKind.Prompt,
        nameof(DataOptions.Text) => RecordKind.Text,
        _ => throw new ArgumentOutOfRangeException(nameof(key), key, "There is no such source."),
    };

    private static QuickstartSet? SetOf(string key) => key switch
    {
        nameof(DataOptions.Demonstrations) => QuickstartSet.Demonstrations,
        nameof(DataOptions.Prompts) => QuickstartSet.Prompts,
        nameof(DataOptions.EvaluationPrompts) => QuickstartSet.EvaluationPrompts,
        nameof(DataOptions.Text) => QuickstartSet.Text,
        nameof(DataOptions.Comparisons) or nameof(DataOptions.Labeled) => null,
        _ => throw new ArgumentOutOfRangeException(nameof(key), key, "There is no such source."),
    };

    private IReadOnlyList<DataFile> Resolve(DataSource source, QuickstartSet? set) =>
        DataFiles.Resolve(source.Path.Count > 0 || set is null ? source.Path : [GeneratedFile(set.Value)], _folder);

    /// <summary>What the recipe's stages grade answers by: each of them may be given a prompt of any.</summary>
    private IReadOnlyList<ReferenceField> References =>
    [
        .. _recipe.Sections.Where(static section => section.Options is IRewardList)
            .SelectMany(static section => RewardList.ReferencesOf((IRewardList)section.Options, section.Stage.Name)),
    ];

    private IEnumerable<PromptRecord> ReadPrompts(DataSource source) => DataReader.Prompts(source, _folder, _ledger);

    private IEnumerable<(T Row, bool IsHeldOut)> Split<T>(
        string key, DataSource source, QuickstartSet? set, Func<DataSource, IEnumerable<T>> read,
        Func<T, (string Group, string Id, RowPosition Position)> describe)
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
        return new SourceSplit(resolved, NameOf(key)).Split(read(resolved), describe, _ledger);
    }

    /// <summary>The format says which fields of a row its text names.</summary>
    private DataSource Readable(DataSource source) => source with { Format = FormatOf(source) };

    private string GeneratedFile(QuickstartSet set)
    {
        var counts = _recipe.Data.Quickstart!;
        return QuickstartData.Write(
            _folder,
            new QuickstartCounts(counts.Demonstrations, counts.Prompts, counts.EvaluationPrompts, counts.Texts, counts.FactsPerText, counts.Seed))[set];
    }

    private void Remember(DataFile file)
    {
        if (!_hashes.ContainsKey(file.Recorded))
        {
            _hashes[file.Recorded] = DurableFiles.FileHash(file.FullPath);
        }
    }
}
