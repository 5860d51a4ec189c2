namespace Rlhf.Stages.Dpo;

/// <summary>What preference optimisation logs and sums up.</summary>
internal static class DpoMetrics
{
    private static readonly MetricPanel AccuracyPanel = new(41, "Accuracy of the implicit reward");

    private static readonly MetricPanel MarginPanel = new(42, "Margin of the implicit reward");

    private static readonly MetricPanel RewardPanel = new(43, "Implicit rewards");

    private static readonly MetricPanel LogPanel = new(44, "Log-probability of ranked answers");

    public static readonly Metric Accuracy = new(
        "implicit_accuracy", "accuracy of the implicit reward",
        "Share of pairs whose better answer has the larger implicit reward; in KTO of answers on their side of the reference point.", "share", AccuracyPanel);

    public static readonly Metric Margin = new(
        "implicit_margin", "margin of the implicit reward",
        "Mean implicit reward of better minus that of worse answers; an implicit reward is beta times what the loss sees of an answer.", Panel: MarginPanel);

    public static readonly Metric ChosenReward = new("chosen_reward", "implicit reward of better answers", "Its mean.", Panel: RewardPanel);

    public static readonly Metric RejectedReward = new("rejected_reward", "implicit reward of worse answers", "Its mean.", Panel: RewardPanel);

    public static readonly Metric ChosenLogProbability = new(
        "chosen_logprob", "log p of better answers",
        "Mean log-probability of a whole better answer under the policy.", "nats per answer", LogPanel);

    public static readonly Metric RejectedLogProbability = new(
        "rejected_logprob", "log p of worse answers",
        "Mean log-probability of a whole worse answer under the policy.", Panel: LogPanel);

    public static readonly Metric ReferencePoint = new(
        "reference_point", "reference point",
        "KTO's z: mean log-ratio of answers that belong to other prompts, an estimate of the KL to the reference; BCO's shift of the implicit rewards.",
        Panel: new MetricPanel(45, "Reference point"));

    public static readonly Metric HeldoutAccuracy = new(
        "heldout_implicit_accuracy", "held-out accuracy of the implicit reward",
        "The same on prompts that were not trained on.", Panel: AccuracyPanel);

    public static readonly Metric HeldoutMargin = new(
        "heldout_implicit_margin", "held-out margin of the implicit reward",
        "The same on prompts that were not trained on.", Panel: MarginPanel);

    public static readonly Metric HeldoutChosenLogProbability = new(
        "heldout_chosen_logprob", "held-out log p of better answers",
        "The same on prompts that were not trained on.", Panel: LogPanel);

    public static readonly Metric HeldoutRejectedLogProbability = new(
        "heldout_rejected_logprob", "held-out log p of worse answers",
        "The same on prompts that were not trained on.", Panel: LogPanel);

    public static readonly Metric HeldoutChosenChange = new(
        "heldout_chosen_change", "change of log p of better answers",
        "Mean change since the start of the log-probability of a token of held-out better answers. Below 0 the policy finds them less probable than before.",
        "nats per token", new MetricPanel(46, "Change of log p since the start"));

    public static readonly Metric HeldoutRejectedChange = new(
        "heldout_rejected_change", "change of log p of worse answers",
        "The same of the held-out worse answers.", "nats per token", new MetricPanel(46, "Change of log p since the start"));

    public static readonly Metric TrainAccuracy = new(
        "train_implicit_accuracy", "training accuracy of the implicit reward at the end",
        "Accuracy on training pairs in the last epoch, measured before each update.");

    public static readonly Metric TrainedPrompts = new(
        "trained_prompts", "rankings trained on", "Rankings and labeled answers that the policy was trained on.");

    public static readonly Metric NothingToLearn = new(
        "rows_without_preference", "rankings without a preference",
        "Rankings that were left out: ties alone, in KTO answers that win as often as they lose, with plackett_luce pairs that are no order.");

    public static readonly Metric LabelersLeftOut = new(
        "held_out_labelers_left_out", "rankings of held-out labelers left out",
        "Rankings of held-out labelers on training prompts, which neither train nor judge.");
}
