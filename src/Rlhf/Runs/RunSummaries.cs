using Rlhf.Reports;

namespace Rlhf.Runs;

/// <summary>Puts the summaries of the stages together.</summary>
public static class RunSummaries
{
    /// <summary>The summary of a run folder from the <c>stages/*/summary.json</c> that are there, in order; unfinished stages are left out.</summary>
    public static RunSummary Collect(string runFolder, string name, long? seed = null, string? program = null)
    {
        var folder = Path.Combine(runFolder, "stages");
        StageSummary[] stages = !Directory.Exists(folder)
            ? []
            : [.. Directory.EnumerateDirectories(folder)
                .Where(stage => File.Exists(Path.Combine(stage, "summary.json")))
                .Order(Comparer<string>.Create((left, right) => MetricsFile.CompareStages(Path.GetFileName(left), Path.GetFileName(right))))
                .Select(folder => SummaryFiles.ReadStage(folder) with { Files = null })];
        return new RunSummary
        {
            Name = name,
            Program = program,
            Seed = seed,
            Started = stages.Select(stage => stage.Started).Min(),
            Seconds = stages.Sum(stage => stage.Seconds),
            Sentences = Headline.Sentences(stages),
            Stages = stages,
        };
    }
}
