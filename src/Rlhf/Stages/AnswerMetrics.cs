namespace Rlhf.Stages;

/// <summary>What a policy's answers are measured by, whatever trained it.</summary>
internal static class AnswerMetrics
{
    private static readonly MetricPanel SharesPanel = new(60, "Answers that end, answers that differ");

    public static readonly MetricPanel ScorePanel = new(10, "Score");

    public static readonly MetricPanel SecondsPanel = new(170, "Seconds of a step");

    public static readonly Metric Score = new("score", "score", "Mean score of the policy's answers by the reward model.", Panel: ScorePanel);

    public static readonly Metric SftScore = new("sft_score", "score of SFT", "Mean score of the SFT model's answers to the same prompts.");

    public static readonly Metric BaseScore = new("base_score", "score of base", "Mean score of the base model's answers to the same prompts.");

    public static readonly Metric EvaluationPrompts = new(
        "evaluation_prompts", "held-out prompts",
        "Prompts of an evaluation. Intervals go by them: answers to one prompt are alike.");

    public static readonly Metric EvaluationAnswers = new(
        "evaluation_answers", "answers to held-out prompts",
        "Answers of an evaluation, several to each prompt.");

    public static readonly Metric ScoreGain = new("score_gain", "score gain over SFT", "Score of the policy minus score of SFT on the same held-out prompts.");

    public static readonly Metric SecondScore = new(
        "second_score", "second score",
        "Mean score by a second reward model that the policy is not trained against.", Panel: ScorePanel);

    public static readonly Metric SftSecondScore = new(
        "sft_second_score", "second score of SFT",
        "Mean score of the SFT model's answers by the second reward model.");

    public static readonly Metric SecondScoreGain = new(
        "second_score_gain", "second score gain over SFT",
        "Second score of the policy minus that of SFT on the same held-out prompts: whether the second model agrees in sign.");

    public static readonly Metric GoldScore = new("gold_score", "gold quality", "Mean score by the gold rule, which knows the truth.", Panel: ScorePanel);

    public static readonly Metric SftGoldScore = new("sft_gold_score", "gold quality of SFT", "Mean score of the SFT model's answers by the gold rule.");

    public static readonly Metric GoldGain = new(
        "gold_gain", "gain in gold quality over SFT",
        "Gold quality of the policy minus that of SFT on the same held-out prompts.");

    public static readonly Metric BaseGoldScore = new("base_gold_score", "gold quality of base", "Mean score of the base model's answers by the gold rule.");

    public static readonly Metric RightShare = new(
        "right_share", "right answers",
        "Share of answers that give the right value and no other, and are not rude, by the gold rule.", "share");

    public static readonly Metric SftRightShare = new("sft_right_share", "right answers of SFT", "Share of the SFT model's answers that are right.", "share");

    public static readonly Metric BaseRightShare = new("base_right_share", "right answers of base", "Share of the base model's answers that are right.", "share");

    public static readonly Metric PoliteShare = new(
        "polite_share", "polite answers",
        "Share of answers with a courtesy and without an insult, right or wrong, by the gold rule.", "share");

    public static readonly Metric SftPoliteShare = new("sft_polite_share", "polite answers of SFT", "Share of the SFT model's answers that are polite.", "share");

    public static readonly Metric BasePoliteShare = new(
        "base_polite_share", "polite answers of base", "Share of the base model's answers that are polite.", "share");

    public static readonly Metric Kl = new(
        "kl", "KL to SFT",
        "How far the policy has moved from the SFT model: sum of log p(policy) - log p(SFT) over an answer, in nats.", "nats per answer",
        new MetricPanel(20, "KL to the reference"));

    public static readonly Metric WinRate = new(
        "win_rate", "win rate over SFT",
        "Share of prompts on which the policy's answer scores above the SFT model's; ties count half.");

    public static readonly Metric ResponseLength = new(
        "response_length", "answer length",
        "Mean number of tokens of an answer.", "tokens", new MetricPanel(50, "Answer length"));

    public static readonly Metric SftResponseLength = new("sft_response_length", "answer length of SFT", "Mean number of tokens of the SFT model's answers.");

    public static readonly Metric Entropy = new(
        "entropy", "entropy",
        "Mean entropy of the policy's next-token distribution, in nats; a fall to 0 is a collapse.", "nats", new MetricPanel(70, "Entropy"));

    public static readonly Metric SftEntropy = new("sft_entropy", "entropy of SFT", "Mean entropy of the SFT model's next-token distribution, in nats.");

    public static readonly Metric EosShare = new(
        "eos_share", "answers that end",
        "Share of answers that end by themselves, before the token limit.", "share", SharesPanel);

    public static readonly Metric SftEosShare = new("sft_eos_share", "answers of SFT that end", "Share of the SFT model's answers that end by themselves.");

    public static readonly Metric DistinctShare = new(
        "distinct_share", "distinct answers",
        "Share of answers in the batch that differ from every other.", Panel: SharesPanel);

    public static readonly Metric SftDistinctShare = new(
        "sft_distinct_share", "distinct answers of SFT",
        "Share of the SFT model's answers that differ from every other.");

    public static readonly Metric HeldoutScore = new("heldout_score", "held-out score", "Mean score of the policy's answers to held-out prompts.");

    public static readonly Metric HeldoutScoreLow = new("heldout_score_low", "held-out score, lower end", "Lower end of its 95 % interval over prompts.");

    public static readonly Metric HeldoutScoreHigh = new("heldout_score_high", "held-out score, upper end", "Upper end of its 95 % interval over prompts.");

    public static readonly Metric HeldoutKl = new("heldout_kl", "held-out KL to SFT", "KL to the SFT model on held-out prompts, nats per answer.");

    public static readonly Metric HeldoutLength = new("heldout_length", "held-out answer length", "Mean number of tokens of an answer to a held-out prompt.");

    public static readonly Metric HeldoutEntropy = new(
        "heldout_entropy", "held-out entropy",
        "Mean entropy of the next-token distribution on held-out prompts, in nats.");

    public static readonly Metric HeldoutEosShare = new(
        "heldout_eos_share", "held-out answers that end",
        "Share of the answers to held-out prompts that end by themselves.");

    public static readonly Metric HeldoutGoldScore = new("heldout_gold_score", "held-out gold quality", "The held-out score by the gold rule.");

    public static readonly Metric HeldoutSecondScore = new("heldout_second_score", "held-out second score", "The held-out score by the second reward model.");

    public static readonly Metric BestOfAtKl = new(
        "best_of_at_kl", "n at the policy's KL",
        "The n whose best of n answers of SFT may be as far from SFT as the policy is: log n - (n - 1) / n = KL.", "answers");

    public static readonly Metric BestOfAtKlScore = new(
        "best_of_at_kl_score", "best of n at the policy's KL",
        "Expected best score of that many answers of SFT to the same held-out prompts; absent where best_of samples fewer.");

    public static readonly Metric GainOverBestOf = new(
        "gain_over_best_of", "gain over the best of n at the policy's KL",
        "Score of the policy minus that of the best of n at its KL, on the same held-out prompts.");

    public static readonly Metric SecondsRollout = new("seconds_rollout", "sampling", "Seconds of a step spent sampling answers.", "s", SecondsPanel);

    public static readonly Metric SecondsUpdate = new("seconds_update", "updating", "Seconds of a step spent on the optimizer's passes.", Panel: SecondsPanel);
}
