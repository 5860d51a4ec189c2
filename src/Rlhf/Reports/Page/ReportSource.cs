using System.Text.Json;

namespace Rlhf.Reports.Page;

/// <summary>All that the report is made from, read from a run folder and from nowhere else.</summary>
internal sealed record ReportSource
{
    public required RunSummary Summary { get; init; }

    /// <summary>Rows of metrics.jsonl by stage, stages in order.</summary>
    public required IReadOnlyList<IGrouping<string, MetricsRow>> Metrics { get; init; }

    /// <summary>ledger.json by stage.</summary>
    public required IReadOnlyList<(string Stage, JsonElement Ledger)> Ledgers { get; init; }

    /// <summary>Whether the run has come to its end: then no part of it is unfinished, whatever it lacks.</summary>
    public required bool IsFinished { get; init; }

    public JsonElement? Environment { get; init; }

    public string? Recipe { get; init; }

    /// <summary>Reads a run folder.</summary>
    /// <param name="runFolder">The folder.</param>
    /// <param name="collect">Makes the summary, from folder and name, where the run has none yet.</param>
    /// <exception cref="InputException">There is no run in the folder, or a file of it is broken.</exception>
    public static ReportSource Read(string runFolder, Func<string, string, RunSummary> collect)
    {
        if (!Directory.Exists(runFolder))
        {
            throw new InputException($"{runFolder}: there is no such folder; give the folder of a run (rlhf run RECIPE --out DIR)");
        }

        // Before the end of the run there is no summary.json: the finished stages have theirs.
        var isFinished = File.Exists(Path.Combine(runFolder, "summary.json"));
        var summary = isFinished
            ? SummaryFiles.ReadRun(runFolder)
            : collect(runFolder, Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(runFolder))));
        var metrics = MetricsFile.Read(runFolder).GroupBy(row => row.Stage, StringComparer.Ordinal)
            .OrderBy(group => group.Key, Comparer<string>.Create(MetricsFile.CompareStages)).ToArray();
        if (summary.Stages.Count == 0 && metrics.Length == 0)
        {
            throw new InputException($"{runFolder}: no run in this folder: neither summary.json nor stages/*/summary.json nor metrics.jsonl");
        }

        var recipe = Path.Combine(runFolder, "recipe.yaml");
        return new ReportSource
        {
            Summary = summary,
            IsFinished = isFinished,
            Metrics = metrics,
            Ledgers = ReadLedgers(runFolder),
            Environment = ReadJson(Path.Combine(runFolder, "environment.json")),
            Recipe = File.Exists(recipe) ? WholeFile.Text(recipe, Limits.HandWrittenFile) : null,
        };
    }

    private static List<(string, JsonElement)> ReadLedgers(string runFolder)
    {
        var stages = Path.Combine(runFolder, "stages");
        var ledgers = new List<(string, JsonElement)>();
        foreach (var stage in Directory.Exists(stages) ? Directory.GetDirectories(stages) : [])
        {
            if (Path.Combine(stage, Data.Ledger.FileName) is var file && File.Exists(file))
            {
                ledgers.Add((Path.GetFileName(stage), StrictJson.Sound(file, CheckedJson.ReadEvenUnchecked<JsonElement>(file, SummaryFiles.Json))));
            }
        }

        ledgers.Sort((left, right) => MetricsFile.CompareStages(left.Item1, right.Item1));
        return ledgers;
    }

    private static JsonElement? ReadJson(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        return StrictJson.ObjectOf(path, Limits.RunFile);
    }
}
