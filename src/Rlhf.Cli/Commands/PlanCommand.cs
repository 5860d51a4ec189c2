using System.CommandLine;
using System.Globalization;
using Rlhf.Compute;
using Rlhf.Reports;
using Rlhf.Runs;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf plan</c>: what a recipe will do and need, before anything runs.</summary>
internal static class PlanCommand
{
    private const int ProductSize = 1024; // large enough for the peak

    public static Command Create()
    {
        var file = new Argument<string>("RECIPE") { Description = "The recipe file." };
        var changes = new Option<string[]>("--set") { Description = "Changes a value of the recipe: --set ppo.steps=10.", HelpName = "a.b=value" };
        var json = ModelArguments.Json("One JSON object a stage: name, examples, tokens, updates, memory_bytes, seconds.");
        return new Command("plan", "Prints examples, tokens, updates, memory and an estimate of time of every stage; runs nothing.") { file, changes, json }
            .WithExamples("rlhf plan recipes/polite.yaml", "rlhf plan recipes/polite.yaml --set ppo.steps=10", "rlhf plan recipes/polite.yaml --json")
            .Does((parsed, _) =>
            {
                var recipe = RecipeReader.Read(parsed.GetRequiredValue(file), parsed.GetValue(changes));
                var plan = RecipeArguments.WithAdvice(parsed.GetValue(file), () => RecipePlan.Of(recipe));
                using var device = Devices.Create(recipe.Device, recipe.Precision);
                var rate = DeviceProbe.MatmulRate(device, ProductSize, ProductSize, ProductSize);
                if (parsed.GetValue(json))
                {
                    foreach (var stage in plan.Stages)
                    {
                        ModelArguments.WriteLine(
                            parsed.Output(), new StageRow(
                                stage.Name, stage.Examples, stage.Tokens, stage.Updates, stage.Bytes + plan.ProgramBytes, plan.SecondsOf(stage, rate)));
                    }

                    return;
                }

                Write(parsed.Output(), plan, rate, device.Description);
            });
    }

    /// <summary>A line of <c>--json</c>.</summary>
    private sealed record StageRow(string Name, long Examples, double Tokens, long Updates, long MemoryBytes, double Seconds);

    private static void Write(TextWriter output, RecipePlan plan, double rate, string device)
    {
        var table = new TextTable("stage", "examples", "", "tokens", "updates", "memory", "time");
        foreach (var stage in plan.Stages)
        {
            table.AddRow(stage.Name, Count(stage.Examples), stage.ExampleKind, Count(stage.Tokens), Count(stage.Updates),
                Bytes(stage.Bytes + plan.ProgramBytes), Time(plan.SecondsOf(stage, rate)));
        }

        table.Write(output);
        output.WriteLine(plan.Format);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Count(plan.Parameters)} parameters; in all about {Time(plan.Stages.Sum(stage => plan.SecondsOf(stage, rate)))}, at {plan.TrainingEfficiency:P0} (training and scores) and {plan.SamplingEfficiency:P0} (sampling) of the {rate / 1e9:F0} GFLOP/s measured on {device}."));
        output.WriteLine(
            "Sampled answers are counted as long as the demonstrations are (memory: as long as they may be). Tokens count every pass through a model.");
    }

    private static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    private static string Bytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:N0} MiB");

    private static string Time(double seconds) => seconds < 90
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:F0} s")
        : seconds < 5400 ? string.Create(
            CultureInfo.InvariantCulture, $"{seconds / 60:F0} min") : string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:F1} h");
}
