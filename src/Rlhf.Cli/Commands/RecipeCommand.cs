using System.CommandLine;
using Rlhf.Runs;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf recipe</c>: the recipe reference.</summary>
internal static class RecipeCommand
{
    public static Command Create() =>
        new Command("recipe", "Prints every key of a recipe with its type, default and meaning (docs/recipe.md).")
            .WithExamples("rlhf recipe | less", "rlhf recipe > docs/recipe.md")
            .Does((parsed, _) => parsed.Output().Write(RecipeReference.Write()));
}
