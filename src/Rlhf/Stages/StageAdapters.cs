using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>Whether the adapters that a recipe asks for fit its base model: known before the first stage.</summary>
internal static class StageAdapters
{
    private const int AnyVocabulary = 256;

    /// <summary>Looks at the targets of all stages; the base model's configuration is read only where a stage names some.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <exception cref="InputException">Names every target that is no layer, with its key and place.</exception>
    public static void Check(Recipe recipe)
    {
        if (recipe.Sections.Any(static section => (section.Options as TrainingOptions)?.Adapter is { NamedTargets.Count: > 0 }))
        {
            Check(recipe, recipe.Base.Model is { } model ? Checkpoint.Open(model).Config : recipe.Base.Shape!.ToConfig(AnyVocabulary, null, []));
        }
    }

    /// <summary>Looks at the targets of all stages.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="config">What its base model is; stages do not change which layers there are.</param>
    /// <exception cref="InputException">Names every target that is no layer, with its key and place.</exception>
    public static void Check(Recipe recipe, DecoderConfig config)
    {
        string[] problems =
        [
            .. from section in recipe.Sections
               let wrong = (section.Options as TrainingOptions)?.Adapter?.WrongTargets(config)
               where wrong is not null
               select recipe.Written.Problem($"{section.Stage.Name}.adapter.targets", wrong),
        ];
        if (problems.Length > 0)
        {
            throw new InputException(string.Join(Environment.NewLine, problems));
        }
    }
}
