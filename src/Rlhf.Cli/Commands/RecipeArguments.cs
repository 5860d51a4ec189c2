using System.CommandLine;
using Rlhf.Hub;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;

namespace Rlhf.Cli.Commands;

/// <summary>The arguments of every command that works on a recipe.</summary>
internal sealed class RecipeArguments
{
    public Argument<string?> Recipe { get; } = new("RECIPE") { Description = "The recipe file.", Arity = ArgumentArity.ZeroOrOne };

    public Option<string[]> Set { get; } = new("--set")
    {
        Description = "Changes a value of the recipe: --set ppo.steps=10. May be given several times.",
        HelpName = "a.b=value",
    };

    public Option<string?> Out { get; } = new("--out") { Description = "The run folder.", HelpName = "DIR" };

    public Option<bool> Resume { get; } = new("--resume") { Description = "Goes on with the run in the folder; without RECIPE with the folder's own." };

    public Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "No progress on standard error." };

    public Option<bool> Watch { get; } = WatchOption();

    /// <summary>Adds the arguments of a command that runs something.</summary>
    public Command AddTo(Command command)
    {
        command.Add(Recipe);
        command.Add(Out);
        command.Add(Set);
        command.Add(Resume);
        command.Add(Quiet);
        command.Add(Watch);
        return command;
    }

    /// <summary>Whether a page shows the run.</summary>
    public static Option<bool> WatchOption() =>
        new("--watch") { Description = "Also shows the run in the browser while it works; the address stands on standard error." };

    /// <summary>The recipe that the command line names, with its changes.</summary>
    public Recipe Read(ParseResult parsed)
    {
        var file = parsed.GetValue(Recipe);
        var folder = parsed.GetValue(Out);
        if (file is null && parsed.GetValue(Resume) && folder is not null && RunFolder.HoldsRun(folder))
        {
            file = Path.Combine(folder, RunFolder.RecipeFile);
        }

        return RecipeReader.Read(
            file ?? throw new InputException("RECIPE is missing; only --resume with an existing --out does without"), parsed.GetValue(Set));
    }

    /// <summary>Runs what is to be done and prints the figures that came out.</summary>
    public void Execute(ParseResult parsed, string? only, CancellationToken cancellation)
    {
        if (parsed.GetValue(Quiet))
        {
            HubFiles.Access = HubFiles.Access with { Progress = null };
        }

        var recipe = Read(parsed);
        var folder = parsed.GetValue(Out) ?? Path.Combine("runs", DefaultName(recipe));
        var settings = new RunSettings(folder, parsed.GetValue(Resume), only);
        RunSettings Run() => WithAdvice(parsed.GetValue(Recipe), () =>
        {
            Execute(parsed, recipe, settings, ProgressReporter.ForStandardError(parsed.GetValue(Quiet)), cancellation);
            return settings;
        });
        _ = parsed.GetValue(Watch) ? WatchPages.While(folder, parsed.Error(), Run) : Run();
    }

    /// <summary>Does something with a recipe; where an input is not there, says that the recipe's first lines tell how to get it.</summary>
    public static T WithAdvice<T>(string? file, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (InputException exception) when (exception.IsMissing && file is not null && BeginsWithComment(file))
        {
            throw new InputException($"{exception.Message} The comment at the head of {file} may say where to get it.", exception);
        }
    }

    /// <summary>Runs a recipe; says on standard error where, and how to go on after an interruption.</summary>
    public static void Execute(ParseResult parsed, Recipe recipe, RunSettings settings, ProgressReporter progress, CancellationToken cancellation)
    {
        parsed.Error().WriteLine($"rlhf: run folder {settings.Out}");
        using var signals = Signals.AskFirst("stopping after a checkpoint; once more to stop at once");
        try
        {
            var summary = RecipeRun.Execute(recipe, settings, progress, cancellation);
            FinalTables.Write(parsed.Output(), summary);
        }
        catch (OperationCanceledException exception)
        {
            throw new OperationCanceledException(RunFolder.HoldsRun(settings.Out)
                ? $"interrupted; go on with: rlhf run --resume --out {settings.Out}"
                : "interrupted before the run began; what was fetched is kept", exception);
        }
        catch (Exception exception) when (exception is not (InputException or RunPausedException) && RunFolder.HoldsRun(settings.Out))
        {
            LastResort.Advise(exception, $"the run can go on from its last checkpoint with: rlhf run --resume --out {settings.Out}");
            throw;
        }
        catch (RunPausedException exception)
        {
            throw new RunPausedException(string.Join(Environment.NewLine, [
                exception.Message,
                "Then the run goes on with:",
                $"  rlhf run --resume --out {settings.Out}",
                "or earlier, with what is in by then:",
                $"  rlhf run --resume --out {settings.Out} --set {exception.Section}.enough=0.5"]), exception.Section);
        }
    }

    // A pipe has no length, and cannot be read twice.
    private static bool BeginsWithComment(string file) => new FileInfo(file) is { Exists: true, Length: > 0 } && File.ReadLines(file).First().StartsWith('#');

    private static string DefaultName(Recipe recipe) =>
        recipe.Name.Length > 0 && recipe.Name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_')
            ? recipe.Name
            : throw new InputException("--out is missing; a recipe whose name is one plain word runs in runs/NAME without it");
}
