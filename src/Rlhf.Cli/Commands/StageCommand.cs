using System.CommandLine;
using Rlhf.Stages;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf pretrain|sft|collect|reward|ppo</c>: the next stage of that kind of a recipe, in its run folder.</summary>
internal static class StageCommand
{
    public static Command Create(StageKind kind, string description)
    {
        var name = SnakeCase.From(kind.ToString());
        var arguments = new RecipeArguments();
        return arguments.AddTo(new Command(name, description))
            .WithExamples($"rlhf {name} recipes/polite.yaml --out runs/polite", $"rlhf {name} recipes/polite.yaml --out runs/polite --resume")
            .Does((parsed, cancellation) => arguments.Execute(parsed, kind, cancellation));
    }
}
