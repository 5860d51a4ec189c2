using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What PPO logs and sums up.</summary>
internal static class PpoMetrics
{
    private static readonly MetricPanel ClippedPanel = new(80, "Clipped");

    public static readonly Metric ScoreDeviation = new(
        "score_deviation", "spread of scores",
        "Standard deviation of the scores of a step's answers; 0: the reward model tells none from another, and nothing is learned.");

    public static readonly Metric RawScore = new("raw_score", "raw score", "The same as the reward model gives it, before any normalisation.");

    public static readonly Metric Objective = new("objective", "objective", "Score minus the KL penalty: what PPO maximises.", Panel: AnswerMetrics.ScorePanel);

    public static readonly Metric ScoreScaleMean = new(
        "score_scale_mean", "mean that scores are shifted by",
        "Scores are counted from this raw score of the reward model.");

    public static readonly Metric ScoreScaleDeviation = new(
        "score_scale_deviation", "deviation that scores are divided by",
        "Scores are measured in this standard deviation of raw scores.");

    public static readonly Metric ClipFraction = new(
        "clip_fraction", "clipped ratios",
        "Share of tokens whose ratio the clip held: their loss gave no gradient, or, of clipped weights, a bounded one.", "share", ClippedPanel);

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
        "What the policy minimises: the clipped surrogate, negated, or the whole loss of groups.", Panel: new MetricPanel(110, "Policy loss"));

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

    public static readonly Metric LogprobDifference = new(
        "logprob_difference", "largest log-probability difference",
        "Largest |rollout - trainer| of a token's log-probability; 0 in float32, small in bfloat16.", "nats",
        new MetricPanel(180, "Largest log-probability difference"));

    public static readonly Metric SecondsScore = new(
        "seconds_score", "scoring",
        "Seconds of a step spent on the models that read the answers.", Panel: AnswerMetrics.SecondsPanel);
}
