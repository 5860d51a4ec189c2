using System.CommandLine;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf run</c>: all stages of a recipe.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var arguments = new RecipeArguments();
        return arguments.AddTo(new Command("run", "Does all stages of a recipe in order, or what is left of them."))
            .WithExamples(
                "rlhf run recipes/polite.yaml --out runs/polite",
                "rlhf run recipes/polite.yaml --out runs/short --set ppo.steps=5 --set sft.epochs=1",
                "rlhf run recipes/polite.yaml --out runs/polite --watch",
                "rlhf run --resume --out runs/polite")
            .Does((parsed, cancellation) => arguments.Execute(parsed, only: null, cancellation));
    }
}
