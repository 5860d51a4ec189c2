using Rlhf.Evaluation;
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

    public static readonly Metric SimilarLengthAccuracy = new(
        "similar_length_accuracy", "pair accuracy among pairs of similar length",
        "Held-out pair accuracy where the shorter answer has at least four fifths of the longer one's tokens.", "share");

    public static readonly Metric SimilarLengthLongerWins = new(
        "similar_length_longer_wins", "the longer answer wins among pairs of similar length",
        "Accuracy of preferring the longer answer, on the pairs of similar length.", "share");

    public static readonly Metric UnseenLabelerAccuracy = new(
        "unseen_labeler_accuracy", "pair accuracy for labelers never seen",
        "Held-out pair accuracy against people of whose rankings none was trained on.", "share");

    public static readonly Metric UnseenLabelerAgreement = new(
        "unseen_labeler_agreement", "agreement of these labelers",
        "How often two of the labelers never seen prefer the same of two answers that both compared.", "share");

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

    /// <summary>What the trust report says beside the accuracy, where it is known.</summary>
    public static IEnumerable<(Metric Metric, Estimate Share)> SharesOf(TrustReport trust) =>
        from share in new (Metric Metric, Estimate? Share)[]
        {
            (SimilarLengthAccuracy, trust.SimilarLengths?.Accuracy), (SimilarLengthLongerWins, trust.SimilarLengths?.LongerWins),
            (UnseenLabelerAccuracy, trust.UnseenLabelers?.Accuracy), (UnseenLabelerAgreement, trust.UnseenLabelers?.Agreement),
        }
        where share.Share is not null
        select (share.Metric, share.Share!);

    /// <summary>The same of the reward model that only checks.</summary>
    public static Metric OfSecondModel(Metric metric) => metric == Accuracy ? SecondAccuracy : metric.OfSecond();
}
