using System.CommandLine;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf watch</c>: a page on which runs are seen while they work.</summary>
internal static class WatchCommand
{
    public static Command Create()
    {
        var folders = new Argument<string[]>("RUN_DIR")
        {
            Description = "Folders of runs: under way, finished, or to come. Several are drawn over each other.",
            Arity = ArgumentArity.OneOrMore,
        };
        var pages = new WatchPages();
        var command = new Command("watch", "Shows runs in the browser while they work: progress, curves, samples, alarms; and stops them.") { folders };
        pages.AddTo(command);
        return command
            .WithExamples(
                "rlhf watch runs/polite",
                "rlhf watch runs/seed1 runs/seed2 runs/seed3",
                "rlhf watch runs/polite --host 0.0.0.0 --port 9000",
                "rlhf run recipes/polite.yaml --out runs/polite --watch")
            .Does((parsed, cancellation) => pages.Serve(parsed, parsed.GetRequiredValue(folders), cancellation));
    }
}
