namespace Rlhf.Reports;

/// <summary>Names and one-sentence explanations of figures and metrics, for people.</summary>
internal static class Glossary
{
    private static readonly Dictionary<string, (string Name, string Meaning)> Entries = new()
    {
        ["loss"] = ("loss", "Training loss: nats per token in language modelling, per pair in the reward model."),
        ["validation_loss"] = ("held-out loss", "The loss on data that was not trained on."),
        ["validation_reward"] = ("held-out reward", "Mean score, by the reward model that chooses among the epochs, of the present model's answers to held-out prompts."),
        ["validation_loss_before"] = ("held-out loss before", "The held-out loss of the model that the stage started from."),
        ["accuracy"] = ("pair accuracy", "Share of pairs in which the reward model scores the answer higher that the labeler preferred."),
        ["validation_accuracy"] = ("held-out pair accuracy", "Pair accuracy on prompts that were not trained on."),
        ["second_accuracy"] = ("pair accuracy of the second model", "Held-out pair accuracy of the reward model that only checks."),
        ["train_loss"] = ("training loss at the end", "Mean training loss of the last epoch."),
        ["train_accuracy"] = ("training pair accuracy at the end", "Pair accuracy on training pairs in the last epoch, measured before each update."),
        ["kept_step"] = ("step of the model that was kept", "The optimizer step whose weights were kept."),
        ["training_rows"] = ("rows trained on", "Rows of the data that are in the training set."),
        ["training_tokens"] = ("tokens trained on", "Tokens of the training set whose loss counts, in one pass."),
        ["training_rankings"] = ("rankings trained on", "Rankings that the reward model was trained on."),
        ["sampled_tokens"] = ("tokens sampled", "Tokens of the sampled answers together."),
        ["pairs"] = ("pairs", "Pairs of answers of which the labeler preferred one."),
        ["ties"] = ("ties", "Pairs of answers that the labeler put at the same place."),
        ["answers"] = ("answers", "Answers sampled."),
        ["prompts"] = ("prompts", "Prompts answered."),
        ["rankings"] = ("rankings", "Rankings that the reward model can learn from."),
        ["judge_calls"] = ("judge: calls", "Replies received from the judge."),
        ["judge_retries"] = ("judge: retries", "Requests that failed and were sent again."),
        ["judge_unclear"] = ("judge: unclear", "Questions whose reply was none of the words asked for, also when asked again; they count as ties."),
        ["judge_prompt_tokens"] = ("judge: tokens sent", "As the server counts them."),
        ["judge_reply_tokens"] = ("judge: tokens received", "As the server counts them."),
        ["judge_cost"] = ("judge: cost", "Tokens times their prices, in the currency of the recipe's prices."),
        ["judge_disagreement"] = ("judge: disagreement with itself", "Share of pairs of which the judge said different things in the two orders, or nothing readable; they count as ties."),
        ["judge_first_chosen"] = ("judge: first answer chosen", "Share of the judge's choices that fell on the answer that stood first; 50 % without a bias of position."),
        ["score"] = ("score", "Mean score of the policy's answers by the reward model."),
        ["score_deviation"] = ("spread of scores", "Standard deviation of the scores of a step's answers; 0: the reward model tells none from another, and nothing is learned."),
        ["raw_score"] = ("raw score", "The same as the reward model gives it, before any normalisation."),
        ["sft_score"] = ("score of SFT", "Mean score of the SFT model's answers to the same prompts."),
        ["base_score"] = ("score of base", "Mean score of the base model's answers to the same prompts."),
        ["evaluation_prompts"] = ("held-out prompts", "Prompts of an evaluation. Intervals go by them: answers to one prompt are alike."),
        ["evaluation_answers"] = ("answers to held-out prompts", "Answers of an evaluation, several to each prompt."),
        ["score_gain"] = ("score gain over SFT", "Score of PPO minus score of SFT on the same held-out prompts."),
        ["second_score"] = ("second score", "Mean score by a second reward model that PPO does not train against."),
        ["sft_second_score"] = ("second score of SFT", "Mean score of the SFT model's answers by the second reward model."),
        ["gold_score"] = ("gold quality", "Mean score by the gold rule, which knows the truth."),
        ["sft_gold_score"] = ("gold quality of SFT", "Mean score of the SFT model's answers by the gold rule."),
        ["gold_gain"] = ("gain in gold quality over SFT", "Gold quality of PPO minus that of SFT on the same held-out prompts."),
        ["base_gold_score"] = ("gold quality of base", "Mean score of the base model's answers by the gold rule."),
        ["kl"] = ("KL to SFT", "How far the policy has moved from the SFT model: sum of log p(policy) - log p(SFT) over an answer, in nats."),
        ["win_rate"] = ("win rate over SFT", "Share of prompts on which PPO's answer scores above the SFT model's; ties count half."),
        ["objective"] = ("objective", "Score minus the KL penalty: what PPO maximises."),
        ["response_length"] = ("answer length", "Mean number of tokens of an answer."),
        ["sft_response_length"] = ("answer length of SFT", "Mean number of tokens of the SFT model's answers."),
        ["entropy"] = ("entropy", "Mean entropy of the policy's next-token distribution, in nats; a fall to 0 is a collapse."),
        ["sft_entropy"] = ("entropy of SFT", "Mean entropy of the SFT model's next-token distribution, in nats."),
        ["sft_eos_share"] = ("answers of SFT that end", "Share of the SFT model's answers that end by themselves."),
        ["sft_distinct_share"] = ("distinct answers of SFT", "Share of the SFT model's answers that differ from every other."),
        ["score_scale_mean"] = ("mean that scores are shifted by", "Scores are counted from this raw score of the reward model."),
        ["score_scale_deviation"] = ("deviation that scores are divided by", "Scores are measured in this standard deviation of raw scores."),
        ["eos_share"] = ("answers that end", "Share of answers that end by themselves, before the token limit."),
        ["distinct_share"] = ("distinct answers", "Share of answers in the batch that differ from every other."),
        ["clip_fraction"] = ("clipped ratios", "Share of tokens whose loss the ratio clip held, so that they gave no gradient."),
        ["value_clip_fraction"] = ("clipped values", "Share of tokens whose loss the value clip held, so that they gave no gradient."),
        ["approximate_kl"] = ("approximate KL to the rollout policy", "How far an update moved the policy from the one that wrote the answers, nats per token."),
        ["explained_variance"] = ("explained variance", "1 is a value network that knows the return; 0 is one that knows only its mean."),
        ["policy_loss"] = ("policy loss", "PPO's clipped surrogate, negated."),
        ["value_loss"] = ("value loss", "Half the squared error of the value network (clipped)."),
        ["gradient_norm"] = ("gradient norm", "Global norm of the gradient before clipping."),
        ["value_gradient_norm"] = ("gradient norm of the value network", "Global norm before clipping."),
        ["learning_rate"] = ("learning rate", "The optimizer's step size."),
        ["kl_coefficient"] = ("KL coefficient", "Beta, the price of one nat of KL."),
        ["tokens_per_second"] = ("speed", "Tokens worked through per second; in PPO the answers' tokens over the whole step."),
        ["minibatches"] = ("minibatches", "Optimizer steps of this PPO step; fewer than planned after an early stop."),
        ["stopped_early"] = ("stopped early", "1 where the approximate KL went above target_kl and the rest of the step's minibatches was left out."),
        ["ptx_loss"] = ("pretraining loss", "Mean next-token loss of the pretraining text that is mixed in, nats per token."),
        ["heldout_score"] = ("held-out score", "Mean score of the policy's answers to held-out prompts."),
        ["heldout_score_low"] = ("held-out score, lower end", "Lower end of its 95 % interval over prompts."),
        ["heldout_score_high"] = ("held-out score, upper end", "Upper end of its 95 % interval over prompts."),
        ["heldout_kl"] = ("held-out KL to SFT", "KL to the SFT model on held-out prompts, nats per answer."),
        ["heldout_length"] = ("held-out answer length", "Mean number of tokens of an answer to a held-out prompt."),
        ["heldout_entropy"] = ("held-out entropy", "Mean entropy of the next-token distribution on held-out prompts, in nats."),
        ["heldout_eos_share"] = ("held-out answers that end", "Share of the answers to held-out prompts that end by themselves."),
        ["heldout_second_score"] = ("held-out second score", "The held-out score by the second reward model."),
        ["heldout_gold_score"] = ("held-out gold quality", "The held-out score by the gold rule."),
        ["epoch"] = ("epoch", "Passes over the data, from 0."),
        ["logprob_difference"] = ("largest log-probability difference", "Largest |rollout - trainer| of a token's log-probability; 0 in float32, small in bfloat16."),
        ["seconds_rollout"] = ("sampling", "Seconds of a step spent sampling answers."),
        ["seconds_score"] = ("scoring", "Seconds of a step spent on reference, reward and value models."),
        ["seconds_update"] = ("updating", "Seconds of a step spent on the optimizer's passes."),
    };

    // Metrics and figures of the reward model that only checks.
    private const string OfSecond = "second_";

    /// <summary>A readable name; an unknown name with blanks for underscores.</summary>
    public static string NameOf(string figure) => Find(figure) is { } entry ? entry.Name : figure.Replace('_', ' ');

    /// <summary>What it means; nothing for an unknown name.</summary>
    public static string MeaningOf(string figure) => Find(figure) is { } entry ? entry.Meaning : "";

    private static (string Name, string Meaning)? Find(string figure) =>
        Entries.TryGetValue(figure, out var entry) ? entry
        : figure.StartsWith(OfSecond, StringComparison.Ordinal) && Entries.TryGetValue(figure[OfSecond.Length..], out var first) ? ($"{first.Name} of the second model", $"{first.Meaning} Here of the reward model that only checks.")
        : null;
}
