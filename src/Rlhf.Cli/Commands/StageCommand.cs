using System.CommandLine;
using Rlhf.Stages;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf pretrain|sft|collect|reward|ppo</c>: the next stage of that kind of a recipe, in its run folder.</summary>
internal static class StageCommand
{
    public static Command Create(IStage stage)
    {
        var name = stage.Name;
        var arguments = new RecipeArguments();
        return arguments.AddTo(new Command(name, $"Does the next {name} stage of a recipe. {stage.Summary.Replace("`", "", StringComparison.Ordinal)}"))
            .WithExamples($"rlhf {name} recipes/polite.yaml --out runs/polite", $"rlhf {name} recipes/polite.yaml --out runs/polite --resume")
            .Does((parsed, cancellation) => arguments.Execute(parsed, name, cancellation));
    }
}
