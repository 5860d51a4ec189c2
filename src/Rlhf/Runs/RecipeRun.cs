using Rlhf.Compute;
using Rlhf.Reports;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>What a run is told beside its recipe.</summary>
/// <param name="Out">The run folder.</param>
/// <param name="Resume">Whether to go on with the run that is in it.</param>
/// <param name="Only">Does the next stage of this name only; null: all stages.</param>
public sealed record RunSettings(string Out, bool Resume = false, string? Only = null);

/// <summary>Does the stages of a recipe in order, each at most once: a stage whose summary is written is complete.</summary>
public static class RecipeRun
{
    /// <summary>Does what is left to do of a run.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="settings">The folder, and what to do of it.</param>
    /// <param name="progress">Tells a person how far the work is.</param>
    /// <param name="cancellation">Asks for a checkpoint and the end.</param>
    /// <returns>The run's summary so far.</returns>
    /// <exception cref="OperationCanceledException">After the checkpoint that <paramref name="cancellation"/> asked for.</exception>
    /// <exception cref="RunPausedException">People are to rank answers first, and the recipe says not to wait for them.</exception>
    /// <exception cref="InputException">An input cannot be used, or is not what the run has read of it before; a new run then leaves no folder
    /// behind.</exception>
    public static RunSummary Execute(Recipe recipe, RunSettings settings, ProgressReporter progress, CancellationToken cancellation) =>
        Execute(recipe, settings, progress, static context => context.Step.Stage.Run(context), cancellation, checkInputs: true);

    internal static RunSummary Execute(
        Recipe recipe, RunSettings settings, ProgressReporter progress, Func<StageContext, StageSummary> runStage, CancellationToken cancellation,
        bool checkInputs = false)
    {
        var asked = recipe;
        (recipe, var commits) = RecipeHub.Pin(recipe, RunFolder.HubCommitsOf(settings.Out));
        recipe = RecipeFormat.Settle(recipe, RunFolder.DateOf(settings.Out) ?? DateOnly.FromDateTime(DateTime.Now));
        var isNew = !RunFolder.HoldsRun(settings.Out);
        if (isNew)
        {
            LookAhead(recipe, [.. StageStep.Of(recipe).Where(step => settings.Only is null || step.Stage.Name == settings.Only)], settings,
                checkInputs); // before there is a folder that stands in a second try's way
            if (checkInputs)
            {
                StageAdapters.Check(recipe);
                SamplingRoom.Check(recipe);
            }
        }

        using var run = RunFolder.Open(settings.Out, RecipeWriter.Write(recipe), settings.Resume || (settings.Only is not null && CanBegin(recipe, settings)));
        StageStep? underWay = null;
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var status = new RunStatusWriter(run.FullPath, StageStep.Of(recipe).Select(static step => step.Name), () =>
        {
            progress.Line("asked to stop: stopping after a checkpoint");
            stopping.Cancel();
        });
        var told = progress.Showing(status);
        try
        {
            run.WriteHubCommits(commits);
            using var device = Devices.Create(recipe.Device, recipe.Precision);
            using var metrics = MetricsWriter.Open(run.FullPath);
            run.Write("environment.json", RunEnvironment.Current(device).ToJson());
            told.Line(RecipeFormat.Describe(asked, recipe));
            CheckResults(recipe, run);
            BaseModel.Prepare(recipe, run);
            var steps = StepsToDo(recipe, run, settings, told).ToList();
            if (!isNew)
            {
                LookAhead(recipe, steps, settings, checkInputs);
                steps.Skip(1).ToList().ForEach(step => CheckInputs(recipe, run, step, checkInputs));
            }

            foreach (var step in steps)
            {
                stopping.Token.ThrowIfCancellationRequested();
                underWay = step;
                if (step != steps[0])
                {
                    CheckResults(recipe, run);
                }

                var inputs = CheckInputs(recipe, run, step, checkInputs);
                run.Begin(step, inputs);
                GC.Collect(GC.MaxGeneration,
                    GCCollectionMode.Aggressive); // what was copied out to write the last stage's model would else stand beside this one
                ResidentMemory.ForgetPeak();
                using var context = new StageContext(recipe, step, run, device, metrics, told, stopping.Token);
                context.Complete(runStage(context));
                WriteSummary(recipe, run);
            }

            var summary = WriteSummary(recipe, run);
            status.End(StageStep.Of(recipe).All(run.IsDone) ? RunState.Finished : RunState.Stopped);
            return summary;
        }
        catch (Exception exception)
        {
            status.End(StateAfter(exception), exception is OperationCanceledException ? null : exception.Message);
            if (exception is InputException || (underWay is null && exception is not OperationCanceledException))
            {
                run.ForgetVain(underWay);
            }

            throw;
        }
    }

    private static RunState StateAfter(Exception exception) => exception switch
    {
        OperationCanceledException => RunState.Stopped,
        RunPausedException => RunState.Paused,
        _ => RunState.Failed,
    };

    // What is wrong with a later stage's key or input is better known at once than hours later.
    private static void LookAhead(Recipe recipe, IReadOnlyList<StageStep> steps, RunSettings settings, bool checkInputs)
    {
        foreach (var stage in steps.Select(static step => step.Stage).Distinct())
        {
            stage.Prepare(recipe);
        }

        if (checkInputs)
        {
            StageInputs.Look(recipe, steps, settings.Out);
        }
    }

    /// <summary>Refuses results of complete stages that are not what the stages wrote.</summary>
    private static void CheckResults(Recipe recipe, RunFolder run)
    {
        foreach (var step in StageStep.Of(recipe).Where(run.IsDone))
        {
            run.RequireWhole(step);
            StageFiles.DeleteCheckpoints(run.StageFolder(step));
        }
    }

    /// <summary>What a stage is about to read; refused where it is not what a stage before it, or an earlier attempt that kept something, has read.</summary>
    private static StageInputs? CheckInputs(Recipe recipe, RunFolder run, StageStep step, bool checkInputs)
    {
        if (!checkInputs)
        {
            return null;
        }

        var inputs = StageInputs.Of(recipe, run, step);
        if (run.ReadBase() is { } made)
        {
            inputs.RequireSame(made.Made, "the making of the base model");
        }

        foreach (var other in StageStep.Of(recipe).Where(other => other.Number <= step.Number && run.HoldsWork(other)))
        {
            if (run.ReadInputs(other) is { } before)
            {
                inputs.RequireSame(before, other.Name);
            }
        }

        return inputs;
    }

    // One stage after another by commands of their own needs no --resume as long as the stage itself was not begun.
    private static bool CanBegin(Recipe recipe, RunSettings settings)
    {
        var folder = Path.Combine(settings.Out, "stages");
        return StageStep.Of(recipe).Any(step => step.Stage.Name == settings.Only && !Directory.Exists(Path.Combine(folder, step.Name)));
    }

    private static IEnumerable<StageStep> StepsToDo(Recipe recipe, RunFolder run, RunSettings settings, ProgressReporter progress)
    {
        var steps = StageStep.Of(recipe);
        if (settings.Only is { } name)
        {
            return [NextOf(name, steps, run)];
        }

        foreach (var step in steps.Where(run.IsDone))
        {
            progress.Line($"{step.Name}: complete, skipped");
        }

        return [.. steps.Where(step => !run.IsDone(step))];
    }

    private static StageStep NextOf(string name, IReadOnlyList<StageStep> steps, RunFolder run)
    {
        var ofKind = steps.Where(step => step.Stage.Name == name).ToArray();
        if (ofKind.Length == 0)
        {
            throw new InputException($"the recipe has no {name} stage");
        }

        var next = ofKind.FirstOrDefault(step => !run.IsDone(step)) ?? throw new InputException($"{run.FullPath}: every {name} stage is complete");
        var missing = steps.FirstOrDefault(step => step.Number < next.Number && !run.IsDone(step));
        return missing is null
            ? next
            : throw new InputException($"{run.FullPath}: {next.Name} needs {missing.Name} first: rlhf {missing.Stage.Name} RECIPE --out {run.FullPath}");
    }

    private static RunSummary WriteSummary(Recipe recipe, RunFolder run)
    {
        var summary = RunSummaries.Collect(run.FullPath, recipe.Name, (long)Math.Min(recipe.Seed, long.MaxValue), RunEnvironment.ProgramVersion);
        SummaryFiles.WriteRun(run.FullPath, summary);
        RunReport.Write(run.FullPath);
        return summary;
    }
}
