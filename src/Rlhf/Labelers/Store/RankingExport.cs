using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Labelers.Store;

/// <summary>What the rows of an export are for: the keys of a recipe's data.</summary>
public enum ExportedRows
{
    /// <summary>Rankings; where the best answer was mended, the mended one stands above them.</summary>
    Comparisons,

    /// <summary>What people wrote, mended, and accepted.</summary>
    Demonstrations,

    /// <summary>The prompts that people wrote.</summary>
    Prompts,

    /// <summary>Single answers that people called good or bad: thumbs, and reviews that accept or reject.</summary>
    Labeled,
}

/// <summary>The rows of an export by name.</summary>
public static class ExportedRowNames
{
    /// <summary>All names, for messages.</summary>
    public const string All = "comparisons, demonstrations, prompts or labeled";

    /// <summary>The name of the rows.</summary>
    public static string NameOf(this ExportedRows rows) => rows.ToString().ToLowerInvariant();

    /// <summary>The rows of a name, comparisons without one.</summary>
    /// <param name="name">The name.</param>
    /// <param name="option">What it was given as, for the error.</param>
    /// <exception cref="InputException">There are no such rows.</exception>
    public static ExportedRows Find(string? name, string option) => name is null ? ExportedRows.Comparisons
        : Enum.GetValues<ExportedRows>().Cast<ExportedRows?>().FirstOrDefault(rows => rows!.Value.NameOf() == name)
            ?? throw new InputException($"{option}: expected {All}, found '{name}'.");
}

/// <summary>What an export holds.</summary>
public sealed record ExportOptions
{
    /// <summary>What the rows are for; without effect where everything is written.</summary>
    public ExportedRows As { get; init; }

    /// <summary>Only this round.</summary>
    public string? Round { get; init; }

    /// <summary>Also tasks without a ranking, answers that could not be judged, and calibration items: a whole copy, for <c>rlhf label import</c>, not for
    /// <c>reward</c>.</summary>
    public bool Everything { get; init; }
}

/// <summary>Rankings as JSON lines.</summary>
public static class RankingExport
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Writes a row for each ranking. Where an owner decided between labelers, the decision is the only row of that task, unless everything is written.
    /// </summary>
    /// <returns>The number of rows.</returns>
    public static int Write(RankingStore store, TextWriter output, ExportOptions options)
    {
        if (!options.Everything && options.As != ExportedRows.Comparisons)
        {
            return Write(
                options.As switch
                {
                    ExportedRows.Prompts => WrittenExport.Prompts(store, options),
                    ExportedRows.Labeled => WrittenExport.Labeled(store, options),
                    _ => WrittenExport.Demonstrations(store, options),
                },
                output);
        }

        var rankings = store.Rankings().ToLookup(ranking => ranking.Task);
        return store.Tasks(options.Round)
            .Sum(task => Write(options.Everything ? Everything(task, rankings[task.Id]) : Usable(task, rankings[task.Id]), output));
    }

    /// <summary>Writes a row for each ranking of some tasks, in the tasks' order.</summary>
    /// <returns>The number of rows.</returns>
    public static int Write(RankingStore store, TextWriter output, IEnumerable<long> tasks)
    {
        var rankings = store.Rankings().ToLookup(ranking => ranking.Task);
        return tasks.Where(rankings.Contains).Sum(task => Write(Usable(store.FindTask(task)!, rankings[task]), output));
    }

    /// <summary>Writes a row for each demonstration of some tasks.</summary>
    /// <returns>The number of rows.</returns>
    public static int WriteDemonstrations(RankingStore store, TextWriter output, IReadOnlyCollection<long> tasks) =>
        Write(WrittenExport.Demonstrations(store, new ExportOptions(), tasks.ToHashSet()), output);

    private static int Write(IEnumerable<JsonObject> rows, TextWriter output)
    {
        var count = 0;
        foreach (var row in rows)
        {
            output.Write(row.ToJsonString(Json) + "\n");
            count++;
        }

        return count;
    }

    private static IEnumerable<JsonObject> Usable(StoredTask task, IEnumerable<StoredRanking> rankings)
    {
        if (task.Answers.Known is not null)
        {
            return [];
        }

        return Deciding(rankings).Select(ranking =>
            ranking.Judgement.Corrected is null ? RankingRows.RowOf(task, ranking) : WrittenExport.Comparison(task, ranking));
    }

    /// <summary>The rankings of a task that count: the owner's decision where there is one, else all.</summary>
    internal static IEnumerable<StoredRanking> Deciding(IEnumerable<StoredRanking> rankings) =>
        WrittenExport.Deciding(rankings, ranking => ranking.Judgement.Tiers is not null);

    private static IEnumerable<JsonObject> Everything(StoredTask task, IEnumerable<StoredRanking> rankings)
    {
        var rows = rankings.Select(ranking => RankingRows.RowOf(task, ranking)).DefaultIfEmpty(RankingRows.RowOf(task));
        foreach (var row in rows)
        {
            if (task.Answers.Known is { } known)
            {
                row["known_ranking"] = JsonSerializer.SerializeToNode(known);
            }

            yield return row;
        }
    }
}
