using System.CommandLine;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf eval</c>: how good a reward model or a policy is.</summary>
internal static class EvalCommand
{
    public static Command Create() =>
        new Command("eval", "Evaluates a reward model on comparisons, or a policy under a reward model.")
        {
            EvalRewardCommand.Create(),
            EvalPolicyCommand.Create(),
        }
        .WithExamples(
            "rlhf eval reward --model reward --data comparisons.jsonl --held-out 0.1",
            "rlhf eval policy --model ppo --versus sft --reward-model reward --reference sft --prompts prompts.jsonl");
}
