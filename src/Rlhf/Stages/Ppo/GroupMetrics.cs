using Rlhf.Objectives;

namespace Rlhf.Stages.Ppo;

/// <summary>What is logged where answers are compared with each other.</summary>
internal static class GroupMetrics
{
    private static readonly MetricPanel GroupPanel = new(15, "Groups of answers");

    private static readonly MetricPanel SidePanel = new(85, "Clipped below and above");

    private static readonly MetricPanel WeightPanel = new(95, "Ratios and importance weights");

    public static readonly Metric EqualGroups = new(
        "equal_groups", "groups of equal rewards",
        "Share of the sampled groups whose rewards are all equal: nothing can be learned from them, and drop_equal_groups leaves them out.", "share", GroupPanel);

    public static readonly Metric GroupDeviation = new(
        "group_deviation", "spread within groups",
        "Mean over groups of the standard deviation of the rewards of the answers to one prompt.", Panel: GroupPanel);

    public static readonly Metric SampledAnswers = new(
        "sampled_answers", "answers sampled",
        "Answers that the step sampled, those in the place of dropped ones too.");

    public static readonly Metric TrainedAnswers = new(
        "trained_answers", "answers trained on",
        "Answers of the step that were trained on: those of dropped groups are not.");

    public static readonly Metric OverlongShare = new(
        "overlong_share", "overlong answers",
        "Share of the answers that come so near the token limit that they are punished for it.");

    public static readonly Metric Ratio = new(
        "ratio", "ratio",
        "Mean over tokens of p(policy) / p(policy before the update).", Panel: WeightPanel);

    public static readonly Metric ClipFractionLow = new(
        "clip_fraction_low", "ratios at the lower bound",
        "Share of tokens with a negative advantage whose ratio is below the lower bound.", "share", SidePanel);

    public static readonly Metric ClipFractionHigh = new(
        "clip_fraction_high", "ratios at the upper bound",
        "Share of tokens with a positive advantage whose ratio is above the upper bound; of clipped weights, whatever the advantage.", Panel: SidePanel);

    public static readonly Metric LossKl = new(
        "loss_kl", "KL in the loss",
        "Mean over tokens of the KL estimate that is a part of the loss, in nats.");

    public static readonly Metric ImportanceWeight = new(
        "importance_weight", "importance weight",
        "Mean over tokens of the bounded weight p(old) / p(sampler); 1 where nothing is stale.", Panel: WeightPanel);

    public static readonly Metric ImportanceExcess = new(
        "importance_excess", "importance weights above the bound",
        "Share of tokens whose importance weight is above its bound.");

    /// <summary>Adds what the answers of a step say.</summary>
    public static void AddTo(List<(Metric, double)> values, Rollout sampled, int trained, PpoOptions options)
    {
        var size = options.RolloutsPerPrompt;
        if (!options.HasValues && size > 1)
        {
            var groups = sampled.Completions.Length / size;
            values.Add((EqualGroups, 1 - (sampled.RowsThatDiffer(size).Length / size / (double)groups)));
            values.Add((GroupDeviation, Enumerable.Range(0, groups).Average(
                group => Math.Sqrt(RunningMoments.Of(sampled.Rewards.AsSpan(group * size, size)).UnbiasedVariance))));
        }

        if (options.DropEqualGroups)
        {
            values.Add((SampledAnswers, sampled.Completions.Length));
            values.Add((TrainedAnswers, trained));
        }

        if (options.Overlong is { } overlong)
        {
            var buffer = overlong.Share * options.MaxNewTokens;
            values.Add((OverlongShare, sampled.Completions.Count(
                answer => ScoreShaping.Overlong(answer.Response.Length, options.MaxNewTokens, buffer) < 0) / (double)sampled.Completions.Length));
        }
    }
}
