using System.CommandLine;
using System.Globalization;
using Rlhf.Reports;
using Rlhf.Runs;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf quickstart</c>: the whole loop in miniature, with nothing but this program.</summary>
internal static class QuickstartCommand
{
    public static Command Create()
    {
        var folder =
            new Option<string?>("--out") { Description = "The run folder; by default runs/quickstart, or the next free runs/quickstart-N.", HelpName = "DIR" };
        var changes = new Option<string[]>("--set") { Description = "Changes a value of the recipe.", HelpName = "a.b=value" };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "No progress on standard error." };
        var watch = RecipeArguments.WatchOption();
        return new Command("quickstart", "Runs recipes/quickstart.yaml: SFT, reward model and PPO from scratch, in minutes.") { folder, changes, quiet, watch }
            .WithExamples("rlhf quickstart", "rlhf quickstart --watch", "rlhf quickstart --out runs/try --set seed=2")
            .Does((parsed, cancellation) =>
            {
                var recipe = RecipeReader.Read(RecipeFile(), parsed.GetValue(changes));
                var settings = new RunSettings(parsed.GetValue(folder) ?? FreshFolder(Path.Combine("runs", "quickstart")));
                RunSettings Run()
                {
                    RecipeArguments.Execute(parsed, recipe, settings, ProgressReporter.ForStandardError(parsed.GetValue(quiet)), cancellation);
                    return settings;
                }

                _ = parsed.GetValue(watch) ? WatchPages.While(settings.Out, parsed.Error(), Run) : Run();
            });
    }

    private static string FreshFolder(string wanted)
    {
        var folder = wanted;
        for (var number = 2; Directory.Exists(folder); number++)
        {
            folder = string.Create(CultureInfo.InvariantCulture, $"{wanted}-{number}");
        }

        return folder;
    }

    // Beside the program in the repository, whatever the current folder is.
    private static string RecipeFile()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var file = Path.Combine(folder.FullName, "recipes", "quickstart.yaml");
            if (File.Exists(file))
            {
                return file;
            }
        }

        throw new InputException("recipes/quickstart.yaml is not above the program's folder; run a recipe by its path: rlhf run RECIPE");
    }
}
