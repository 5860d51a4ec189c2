using System.CommandLine;
using Rlhf.Reporting;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf report</c>: makes report.html of a run folder anew.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("RUN_DIR") { Description = "Folder of a run, finished or under way." };
        var file = new Option<string?>("--out") { Description = "File to write; RUN_DIR/report.html if absent.", HelpName = "FILE" };
        return new Command("report", "Makes the report of a run anew, from its folder alone.") { folder, file }
            .WithExamples("rlhf report runs/polite", "rlhf report runs/polite --out polite.html")
            .Does((parsed, _) => parsed.Output().WriteLine(RunReport.Write(parsed.GetRequiredValue(folder), parsed.GetValue(file))));
    }
}
