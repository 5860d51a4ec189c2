using System.Globalization;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Stages;

/// <summary>Options of a stage that always samples answers to the recipe's prompts.</summary>
internal interface ISamplingOptions : IStageOptions
{
    /// <summary>An answer is cut after this many tokens.</summary>
    int MaxNewTokens { get; }
}

/// <summary>Whether the base model's context has room for the answers that stages sample: known before the first stage, and before people have worked for
/// it.</summary>
internal static class SamplingRoom
{
    /// <summary>Looks at all stages; the base model's configuration is read only where one of them samples.</summary>
    /// <exception cref="InputException">Names every stage whose answers leave no room for a prompt.</exception>
    public static void Check(Recipe recipe)
    {
        if (recipe.Sections.Any(static section => section.Options is ISamplingOptions))
        {
            Check(recipe, recipe.Base.Model is { } model ? Checkpoint.Open(model).Config.ContextLength : recipe.Base.Shape!.ContextLength);
        }
    }

    /// <summary>Looks at all stages.</summary>
    /// <exception cref="InputException">Names every stage whose answers leave no room for a prompt.</exception>
    public static void Check(Recipe recipe, int contextLength)
    {
        string[] problems =
        [
            .. from section in recipe.Sections
               where section.Options is ISamplingOptions options && options.MaxNewTokens >= contextLength
               let tokens = ((ISamplingOptions)section.Options).MaxNewTokens
               select recipe.Written.Problem($"{section.Stage.Name}.max_new_tokens", string.Create(
                   CultureInfo.InvariantCulture, $"{tokens} leaves no room for a prompt in the model's context of {contextLength} tokens")),
        ];
        if (problems.Length > 0)
        {
            throw new InputException(string.Join(Environment.NewLine, problems));
        }
    }
}
