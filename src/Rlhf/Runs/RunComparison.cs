using System.Globalization;
using System.Text;
using Rlhf.Reports;
using Rlhf.Reports.Charts;
using Rlhf.Reports.Page;
using Rlhf.Stages;
using Rlhf.Training;

namespace Rlhf.Runs;

/// <summary>Several runs of the same stages beside each other: curves of loss, score and KL, and their final figures.</summary>
public sealed class RunComparison
{
    /// <summary>Name of the section of a document that takes the table.</summary>
    public const string Section = "beside";

    private static readonly Metric[] Metrics = [TrainingMetrics.Loss, AnswerMetrics.Score, AnswerMetrics.Kl];
    private readonly (string Name, ReportSource Source)[] _runs;

    private RunComparison((string, ReportSource)[] runs) => _runs = runs;

    /// <summary>Reads the runs; each is called by its folder.</summary>
    /// <exception cref="InputException">There is no run in a folder, two have the same name, or a stage of the first is not in another.</exception>
    public static RunComparison Read(IReadOnlyList<string> folders)
    {
        (string Name, ReportSource Source)[] runs =
            [.. folders.Select(
                static folder => (Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), ReportSource.Read(
                    folder, static (path, name) => RunSummaries.Collect(path, name))))];
        foreach (var (run, folder) in runs.Zip(folders))
        {
            if (runs.Count(other => other.Name == run.Name) > 1)
            {
                throw new InputException($"{folder}: another of these runs is called {run.Name}, too; runs are told apart by the names of their folders.");
            }

            if (runs[0].Source.Summary.Stages.FirstOrDefault(stage => run.Source.Summary.Stages.All(other => other.Name != stage.Name)) is { } missing)
            {
                throw new InputException(
                    $"{folder}: has no finished stage {missing.Name}, which {folders[0]} has; runs beside each other need the same stages.");
            }
        }

        return new RunComparison(runs);
    }

    /// <summary>The curves as one SVG file: a chart for each stage and metric, a curve for each run.</summary>
    /// <exception cref="InputException">No stage has such metrics.</exception>
    public string ToSvg()
    {
        ChartPanel[] panels = [.. _runs[0].Source.Metrics.SelectMany(stage => Metrics
            .Where(metric => stage.Any(row => row.Of(metric) is not null))
            .Select(metric => new ChartPanel(new ChartWords($"{stage.Key}: {metric.Name}", metric.Meaning, "step"),
                [.. _runs.Select(run => Curve(run.Name, run.Source, stage.Key, metric))])))];
        return panels.Length > 0
            ? ChartSheet.Draw(panels, columns: 2)
            : throw new InputException($"{_runs[0].Name}: no stage of this run logged {string.Join(", ", Metrics.Select(static metric => metric.Key))}.");
    }

    /// <summary>The final figures as a Markdown table, with the largest difference between rollout and trainer that PPO met.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"| stage | figure | {string.Join(" | ", _runs.Select(static run => run.Name))} |\n| --- | --- |{string.Concat(_runs.Select(static _ => " --- |"))}\n");
        foreach (var stage in _runs[0].Source.Summary.Stages)
        {
            foreach (var (metric, _) in FinalTables.MainFigures(stage))
            {
                AddRow(text, stage.Name, metric, run => FigureOf(run, stage.Name, metric));
            }

            if (StageList.ReportOf(stage.Kind)?.WorstOf is { } worst)
            {
                AddRow(text, stage.Name, worst,
                    run => NumberText.Short(Values(run, stage.Name, worst).Select(static point => point.Y).DefaultIfEmpty(double.NaN).Max()));
            }
        }

        return text.ToString();
    }

    private void AddRow(StringBuilder text, string stage, Metric figure, Func<ReportSource, string> cell) =>
        text.Append(CultureInfo.InvariantCulture, $"| {stage} | {figure.Name} | {string.Join(" | ", _runs.Select(run => cell(run.Source)))} |\n");

    private static string FigureOf(ReportSource run, string stage, Metric figure) =>
        run.Summary.Stages.First(one => one.Name == stage).Of(figure) is { } found ? $"{NumberText.Of(found)} {NumberText.IntervalOf(found)}".TrimEnd() : "";

    private static Series Curve(string name, ReportSource run, string stage, Metric metric) => new(name, Values(run, stage, metric));

    private static (double X, double Y)[] Values(ReportSource run, string stage, Metric metric) =>
        [.. run.Metrics.Where(group => group.Key == stage).SelectMany(static group => group).Where(row => row.Of(metric) is not null)
            .Select(row => ((double)row.Step, row.Of(metric)!.Value))];
}
