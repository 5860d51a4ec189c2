using System.Text;
using Rlhf.Reports;
using Rlhf.Reports.Page;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>
/// <c>report.html</c>: one self-contained page made from the run folder alone. Parts that the run does not have are absent. The page runs no
/// script and loads nothing; every text of users and models is escaped.
/// </summary>
public static class RunReport
{
    /// <summary>Writes the report of a run folder and returns its path.</summary>
    /// <param name="runFolder">The run's folder.</param>
    /// <param name="file">Where to write; <c>report.html</c> in the run folder if null.</param>
    /// <exception cref="InputException">There is no run in the folder, or a file of it is broken.</exception>
    public static string Write(string runFolder, string? file = null)
    {
        var page = Render(runFolder);
        var path = file ?? Path.Combine(runFolder, "report.html");
        DurableFiles.WriteAtomically(path, stream => stream.Write(Encoding.UTF8.GetBytes(page)));
        return path;
    }

    /// <summary>The report as text.</summary>
    /// <exception cref="InputException">There is no run in the folder, or a file of it is broken.</exception>
    public static string Render(string runFolder)
    {
        var source = ReportSource.Read(runFolder, static (folder, name) => RunSummaries.Collect(folder, name));
        var own = StageList.Reports.SelectMany(kind => kind.Report.Sections([.. source.Summary.Stages.Where(stage => stage.Kind == kind.Kind)]));
        ReportSection[] sections =
        [
            new("figures", "Figures", FiguresSection.Draw(source.Summary, StageList.Reports)),
            new("example", "Example", ExampleSection.Draw(source.Summary)),
            .. own,
            new("curves", "Curves",
            CurvesSection.Draw(source, static kind => StageList.All.Any(stage => stage.Name == kind && stage.Makes == StageProduct.Policy))),
            new("ledger", "Ledger, lineage, recipe", ProvenanceSections.Draw(source, RoundsSection.Draw(source.Summary))),
        ];
        var present = sections.Where(section => !section.Content.IsEmpty).ToArray();
        return Markup.Of(
            $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>{source.Summary.Name} · RLHF.NET run report</title>
            <style>
            {Markup.Literal(ReportStyle.Css)}
            </style></head><body><main>
            {HeadSection.Draw(source.Summary)}
            <nav aria-label="Parts of the report"><a href="#summary">What came out</a>{present.Select(section => Markup.Of($"""<a href="#{section.Id}">{section.Name}</a>"""))}</nav>
            {present.Select(section => section.Content)}
            </main></body></html>

            """).ToString();
    }
}
