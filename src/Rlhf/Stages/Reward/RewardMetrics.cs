using Rlhf.Training;

namespace Rlhf.Stages.Reward;

/// <summary>What the reward stage logs and sums up.</summary>
internal static class RewardMetrics
{
    private static readonly MetricPanel AccuracyPanel = new(40, "Pair accuracy");

    public static readonly Metric Accuracy = new(
        "accuracy", "pair accuracy",
        "Share of pairs in which the reward model scores the answer higher that the labeler preferred.", "share", AccuracyPanel);

    public static readonly Metric ValidationAccuracy = new(
        "validation_accuracy", "held-out pair accuracy",
        "Pair accuracy on prompts that were not trained on.", Panel: AccuracyPanel);

    public static readonly Metric SecondAccuracy = new(
        "second_accuracy", "pair accuracy of the second model",
        "Held-out pair accuracy of the reward model that only checks.");

    public static readonly Metric TrainAccuracy = new(
        "train_accuracy", "training pair accuracy at the end",
        "Pair accuracy on training pairs in the last epoch, measured before each update.");

    public static readonly Metric TrainingRankings = new("training_rankings", "rankings trained on", "Rankings that the reward model was trained on.");

    public static readonly Metric RankingsLeftOut = new(
        "rankings_left_out", "rankings left out",
        "Rankings of held-out labelers on training prompts, which neither train nor judge.");

    /// <summary>What the reward model that only checks logs beside its accuracy.</summary>
    public static readonly IReadOnlyList<Metric> OfSecond =
    [
        .. new[]
        {
            TrainingMetrics.Loss, TrainingMetrics.ValidationLoss, ValidationAccuracy,
            TrainingMetrics.LearningRate, TrainingMetrics.GradientNorm, TrainingMetrics.TokensPerSecond,
        }.Select(static metric => metric.OfSecond()),
    ];
}
