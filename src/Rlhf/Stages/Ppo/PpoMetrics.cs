using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What PPO logs and sums up.</summary>
internal static class PpoMetrics
{
    private static readonly MetricPanel ScorePanel = new(10, "Score");

    private static readonly MetricPanel SharesPanel = new(60, "Answers that end, answers that differ");

    private static readonly MetricPanel ClippedPanel = new(80, "Clipped");

    private static readonly MetricPanel SecondsPanel = new(170, "Seconds of a step");

    public static readonly Metric Score = new("score", "score", "Mean score of the policy's answers by the reward model.", Panel: ScorePanel);

    public static readonly Metric ScoreDeviation = new(
        "score_deviation", "spread of scores",
        "Standard deviation of the scores of a step's answers; 0: the reward model tells none from another, and nothing is learned.");

    public static readonly Metric RawScore = new("raw_score", "raw score", "The same as the reward model gives it, before any normalisation.");

    public static readonly Metric SftScore = new("sft_score", "score of SFT", "Mean score of the SFT model's answers to the same prompts.");

    public static readonly Metric BaseScore = new("base_score", "score of base", "Mean score of the base model's answers to the same prompts.");

    public static readonly Metric EvaluationPrompts = new(
        "evaluation_prompts", "held-out prompts",
        "Prompts of an evaluation. Intervals go by them: answers to one prompt are alike.");

    public static readonly Metric EvaluationAnswers = new(
        "evaluation_answers", "answers to held-out prompts",
        "Answers of an evaluation, several to each prompt.");

    public static readonly Metric ScoreGain = new("score_gain", "score gain over SFT", "Score of PPO minus score of SFT on the same held-out prompts.");

    public static readonly Metric SecondScore = new(
        "second_score", "second score",
        "Mean score by a second reward model that PPO does not train against.", Panel: ScorePanel);

    public static readonly Metric SftSecondScore = new(
        "sft_second_score", "second score of SFT",
        "Mean score of the SFT model's answers by the second reward model.");

    public static readonly Metric GoldScore = new("gold_score", "gold quality", "Mean score by the gold rule, which knows the truth.", Panel: ScorePanel);

    public static readonly Metric SftGoldScore = new("sft_gold_score", "gold quality of SFT", "Mean score of the SFT model's answers by the gold rule.");

    public static readonly Metric GoldGain = new(
        "gold_gain", "gain in gold quality over SFT",
        "Gold quality of PPO minus that of SFT on the same held-out prompts.");

    public static readonly Metric BaseGoldScore = new("base_gold_score", "gold quality of base", "Mean score of the base model's answers by the gold rule.");

    public static readonly Metric Kl = new(
        "kl", "KL to SFT",
        "How far the policy has moved from the SFT model: sum of log p(policy) - log p(SFT) over an answer, in nats.", "nats per answer",
        new MetricPanel(20, "KL to the reference"));

    public static readonly Metric WinRate = new(
        "win_rate", "win rate over SFT",
        "Share of prompts on which PPO's answer scores above the SFT model's; ties count half.");

    public static readonly Metric Objective = new("objective", "objective", "Score minus the KL penalty: what PPO maximises.", Panel: ScorePanel);

    public static readonly Metric ResponseLength = new(
        "response_length", "answer length",
        "Mean number of tokens of an answer.", "tokens", new MetricPanel(50, "Answer length"));

    public static readonly Metric SftResponseLength = new("sft_response_length", "answer length of SFT", "Mean number of tokens of the SFT model's answers.");

    public static readonly Metric Entropy = new(
        "entropy", "entropy",
        "Mean entropy of the policy's next-token distribution, in nats; a fall to 0 is a collapse.", "nats", new MetricPanel(70, "Entropy"));

    public static readonly Metric SftEntropy = new("sft_entropy", "entropy of SFT", "Mean entropy of the SFT model's next-token distribution, in nats.");

    public static readonly Metric SftEosShare = new("sft_eos_share", "answers of SFT that end", "Share of the SFT model's answers that end by themselves.");

    public static readonly Metric SftDistinctShare = new(
        "sft_distinct_share", "distinct answers of SFT",
        "Share of the SFT model's answers that differ from every other.");

    public static readonly Metric ScoreScaleMean = new(
        "score_scale_mean", "mean that scores are shifted by",
        "Scores are counted from this raw score of the reward model.");

    public static readonly Metric ScoreScaleDeviation = new(
        "score_scale_deviation", "deviation that scores are divided by",
        "Scores are measured in this standard deviation of raw scores.");

    public static readonly Metric EosShare = new(
        "eos_share", "answers that end",
        "Share of answers that end by themselves, before the token limit.", "share", SharesPanel);

    public static readonly Metric DistinctShare = new(
        "distinct_share", "distinct answers",
        "Share of answers in the batch that differ from every other.", Panel: SharesPanel);

    public static readonly Metric ClipFraction = new(
        "clip_fraction", "clipped ratios",
        "Share of tokens whose loss the ratio clip held, so that they gave no gradient.", "share", ClippedPanel);

    public static readonly Metric ValueClipFraction = new(
        "value_clip_fraction", "clipped values",
        "Share of tokens whose loss the value clip held, so that they gave no gradient.", Panel: ClippedPanel);

    public static readonly Metric ApproximateKl = new(
        "approximate_kl", "approximate KL to the rollout policy",
        "How far an update moved the policy from the one that wrote the answers, nats per token.", "nats per token",
        new MetricPanel(90, "Approximate KL to the rollout policy"));

    public static readonly Metric ExplainedVariance = new(
        "explained_variance", "explained variance",
        "1 is a value network that knows the return; 0 is one that knows only its mean.", Panel: new MetricPanel(100, "Explained variance"));

    public static readonly Metric PolicyLoss = new(
        "policy_loss", "policy loss",
        "PPO's clipped surrogate, negated.", Panel: new MetricPanel(110, "Policy loss"));

    public static readonly Metric ValueLoss = new(
        "value_loss", "value loss",
        "Half the squared error of the value network (clipped).", Panel: new MetricPanel(120, "Value loss"));

    public static readonly Metric ValueGradientNorm = new(
        "value_gradient_norm", "gradient norm of the value network",
        "Global norm before clipping.", Panel: TrainingMetrics.GradientPanel);

    public static readonly Metric KlCoefficient = new(
        "kl_coefficient", "KL coefficient",
        "Beta, the price of one nat of KL.", Panel: new MetricPanel(150, "KL coefficient"), IsExact: true);

    public static readonly Metric Minibatches = new("minibatches", "minibatches", "Optimizer steps of this PPO step; fewer than planned after an early stop.");

    public static readonly Metric StoppedEarly = new(
        "stopped_early", "stopped early",
        "1 where the approximate KL went above target_kl and the rest of the step's minibatches was left out.");

    public static readonly Metric PtxLoss = new(
        "ptx_loss", "pretraining loss",
        "Mean next-token loss of the pretraining text that is mixed in, nats per token.");

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

    public static readonly Metric HeldoutSecondScore = new("heldout_second_score", "held-out second score", "The held-out score by the second reward model.");

    public static readonly Metric HeldoutGoldScore = new("heldout_gold_score", "held-out gold quality", "The held-out score by the gold rule.");

    public static readonly Metric LogprobDifference = new(
        "logprob_difference", "largest log-probability difference",
        "Largest |rollout - trainer| of a token's log-probability; 0 in float32, small in bfloat16.", "nats",
        new MetricPanel(180, "Largest log-probability difference"));

    public static readonly Metric SecondsRollout = new("seconds_rollout", "sampling", "Seconds of a step spent sampling answers.", "s", SecondsPanel);

    public static readonly Metric SecondsScore = new(
        "seconds_score", "scoring",
        "Seconds of a step spent on reference, reward and value models.", Panel: SecondsPanel);

    public static readonly Metric SecondsUpdate = new("seconds_update", "updating", "Seconds of a step spent on the optimizer's passes.", Panel: SecondsPanel);
}
