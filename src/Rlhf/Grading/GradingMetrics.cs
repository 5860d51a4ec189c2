namespace Rlhf.Grading;

/// <summary>What sources of rewards log and sum up.</summary>
internal static class GradingMetrics
{
    private static readonly MetricPanel SourcesPanel = new(15, "Rewards by source");

    private static readonly MetricPanel SharesPanel = new(16, "Answers with a reward above 0, by source");

    public static readonly MetricFamily RewardMean = new(
        "reward_mean.", "reward of", "Mean number that this source of rewards gave the answers, before normalisation and weight.", "", SourcesPanel);

    public static readonly MetricFamily RewardPositive = new(
        "reward_positive.", "answers above 0 by", "Share of the answers that this source of rewards gave a number above 0.", "share", SharesPanel);

    public static readonly MetricFamily SftRewardMean = new(
        "sft_reward_mean.", "reward of SFT by", "Mean number that this source of rewards gave the SFT model's answers to the same prompts.");

    public static readonly Metric JudgeUnreadable = new(
        "judge_unreadable", "judge: unreadable marks", "Marks that the judge's reply did not hold, also when asked again; they count as the lowest.");

    public static readonly Metric ProgramRestarts = new(
        "program_restarts", "program: restarts", "How often the program that gives rewards had died or taken too long, and was started again.");
}
