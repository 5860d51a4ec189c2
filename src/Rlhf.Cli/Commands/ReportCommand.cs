using System.CommandLine;
using System.Text;
using Rlhf.Reports;
using Rlhf.Runs;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf report</c>: makes report.html of a run folder anew, or puts runs beside each other.</summary>
internal static class ReportCommand
{
    private static readonly Argument<string> Folder = new("RUN_DIR") { Description = "Folder of a run, finished or under way." };
    private static readonly Option<string?> Out = new("--out") { Description = "File to write; RUN_DIR/report.html if absent.", HelpName = "FILE" };

    private static readonly Option<string[]> Beside = new("--beside")
    {
        Description = "Instead of the report: a Markdown table of the final figures of this run and others with the same stages (may be repeated).",
        HelpName = "RUN_DIR",
    };

    private static readonly Option<string?> Curves =
        new("--curves") { Description = "With --beside: writes the runs' curves of loss, score and KL to this SVG file.", HelpName = "FILE" };
    private static readonly Option<string?> Document =
        new("--document") { Description = "With --beside: writes the table between this Markdown file's beside markers, too.", HelpName = "FILE" };

    public static Command Create() =>
        new Command(
            "report", "Makes the report of a run anew, from its folder alone, or puts runs beside each other.") { Folder, Out, Beside, Curves, Document }
            .WithExamples("rlhf report runs/polite", "rlhf report runs/polite --out polite.html", "rlhf report runs/f32 --beside runs/bf16 --curves curves.svg")
            .Does((parsed, _) => Run(parsed));

    private static void Run(ParseResult parsed)
    {
        var folder = parsed.GetRequiredValue(Folder);
        var (beside, output, curves, document) = (parsed.GetValue(Beside)!, parsed.GetValue(Out), parsed.GetValue(Curves), parsed.GetValue(Document));
        if (beside.Length == 0)
        {
            parsed.Output().WriteLine(curves is null && document is null
                ? RunReport.Write(folder, output)
                : throw new InputException("--curves and --document go with --beside: they say where runs beside each other are drawn and listed."));
            return;
        }

        if (output is not null)
        {
            throw new InputException("--out has no effect with --beside; --curves and --document say what to write.");
        }

        var comparison = RunComparison.Read([folder, .. beside]);
        var table = comparison.ToMarkdown();
        if (curves is not null)
        {
            var svg = Encoding.UTF8.GetBytes(comparison.ToSvg());
            DurableFiles.WriteAtomically(curves, stream => stream.Write(svg));
        }

        if (document is not null)
        {
            MarkedSection.Replace(document, RunComparison.Section, table);
        }

        parsed.Output().Write(table);
    }
}
