using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.World;

namespace Rlhf.Stages;

/// <summary>The judge that knows the truth, where all prompts are requests of the built-in world; who ranks or rewards does not matter.</summary>
internal static class GoldJudge
{
    /// <summary>The judgement of an answer to the prompt of a number; null where a prompt is of another kind.</summary>
    public static Func<int, string, GoldVerdict>? Of(IReadOnlyList<PromptRecord> prompts)
    {
        Request?[] requests = [.. prompts.Select(static prompt => Request.TryParse(prompt.Prompt.Text))];
        if (requests.Length == 0 || requests.Contains(null))
        {
            return null;
        }

        var rule = new GoldRule();
        return (prompt, answer) => rule.Judge(requests[prompt]!, answer);
    }
}
