using System.Security.Cryptography;
using Rlhf.Data;
using Rlhf.Quickstart;

namespace Rlhf.Runs;

/// <summary>The rows of a recipe's data as a stage reads them, counted in its ledger; and the hashes of the files they came from.</summary>
public sealed class StageData
{
    private readonly Recipe recipe;
    private readonly string folder;
    private readonly Ledger ledger;
    private readonly SortedDictionary<string, string> hashes = new(StringComparer.Ordinal);

    internal StageData(Recipe recipe, RunFolder run, Ledger ledger) : this(recipe, Path.Combine(run.FullPath, "data"), ledger)
    {
    }

    /// <summary>Reads for <paramref name="recipe"/>; what the built-in world writes stands in <paramref name="folder"/>.</summary>
    public StageData(Recipe recipe, string folder, Ledger ledger) => (this.recipe, this.folder, this.ledger) = (recipe, folder, ledger);

    /// <summary>SHA-256 of every file read so far.</summary>
    public IReadOnlyDictionary<string, string> Hashes => hashes;

    /// <summary>The demonstrations, and those whose prompts are held out.</summary>
    public (IReadOnlyList<Demonstration> Train, IReadOnlyList<Demonstration> HeldOut) Demonstrations() =>
        Split(recipe.Data.Demonstrations!, QuickstartSet.Demonstrations, source => DataReader.Demonstrations(source, folder, ledger), row => row.Prompt);

    /// <summary>The comparisons, and those whose prompts are held out; nothing without a source.</summary>
    public (IReadOnlyList<Ranking> Train, IReadOnlyList<Ranking> HeldOut) Comparisons() =>
        recipe.Data.Comparisons is { } source ? Split(source, null, read => DataReader.Rankings(read, folder, ledger), row => row.Prompt) : ([], []);

    /// <summary>The prompts to answer, and the held-out ones: a share of them, or a source of their own.</summary>
    public (IReadOnlyList<PromptRecord> Train, IReadOnlyList<PromptRecord> HeldOut) Prompts()
    {
        var (train, heldOut) = Split(recipe.Data.Prompts!, QuickstartSet.Prompts, ReadPrompts, row => row.Prompt);
        return recipe.Data.EvaluationPrompts is { } evaluation
            ? (train, Split(evaluation, QuickstartSet.EvaluationPrompts, ReadPrompts, row => row.Prompt).Train)
            : (train, heldOut);
    }

    /// <summary>The texts, and the held-out ones.</summary>
    public (IReadOnlyList<TextDocument> Train, IReadOnlyList<TextDocument> HeldOut) Texts() =>
        Split(recipe.Data.Text!, QuickstartSet.Text, source => DataReader.Texts(source, folder, ledger), row => Prompt.FromText(row.Text));

    /// <summary>The format of a source: its own or the recipe's.</summary>
    public FormatOptions FormatOf(DataSource? source) => source?.Format ?? recipe.Format;

    private IEnumerable<PromptRecord> ReadPrompts(DataSource source) => DataReader.Prompts(source, folder, ledger);

    private (IReadOnlyList<T> Train, IReadOnlyList<T> HeldOut) Split<T>(DataSource source, QuickstartSet? set, Func<DataSource, IEnumerable<T>> read, Func<T, Prompt> promptOf)
    {
        var resolved = source.Path.Count > 0 || set is null ? source : source with { Path = [GeneratedFile(set.Value)] };
        foreach (var file in DataFiles.Resolve(resolved.Path, folder))
        {
            Remember(file.FullPath);
        }

        return PromptSplit.Split(read(resolved), promptOf, source.HeldOut);
    }

    private string GeneratedFile(QuickstartSet set)
    {
        var counts = recipe.Data.Quickstart!;
        return QuickstartData.Write(folder, new QuickstartCounts(counts.Demonstrations, counts.Prompts, counts.EvaluationPrompts, counts.Texts, counts.Seed))[set];
    }

    private void Remember(string file)
    {
        if (!hashes.ContainsKey(file))
        {
            using var stream = File.OpenRead(file);
            hashes[file] = Convert.ToHexStringLower(SHA256.HashData(stream));
        }
    }
}
