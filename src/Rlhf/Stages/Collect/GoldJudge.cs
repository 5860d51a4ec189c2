using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.World;

namespace Rlhf.Stages.Collect;

/// <summary>The judge that knows the truth, where the recipe's labeler is the gold rule.</summary>
internal static class GoldJudge
{
    /// <summary>The judgement of an answer to the prompt of a number; null where another labeler ranks.</summary>
    public static Func<int, string, GoldVerdict>? Of(Recipe recipe, IReadOnlyList<PromptRecord> prompts)
    {
        if (recipe.Find<CollectOptions>()?.Labeler != CollectOptions.GoldLabeler)
        {
            return null;
        }

        var rule = new GoldRule();
        return (prompt, answer) => rule.Judge(prompts[prompt].Prompt.Text, answer);
    }
}
