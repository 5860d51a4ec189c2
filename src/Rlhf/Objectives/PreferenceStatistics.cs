namespace Rlhf.Objectives;

/// <summary>What DPO or IPO saw; parts of a batch are added up with <c>+</c>.</summary>
/// <param name="Loss">This part's share of the loss.</param>
/// <param name="Pairs">Pairs counted.</param>
/// <param name="Correct">Pairs whose chosen answer has the larger implicit reward; equal ones count a half.</param>
/// <param name="ChosenRewardSum">Sum of the implicit rewards of the chosen answers.</param>
/// <param name="RejectedRewardSum">Sum of the implicit rewards of the rejected answers.</param>
public readonly record struct PreferenceStatistics(double Loss, long Pairs, double Correct, double ChosenRewardSum, double RejectedRewardSum)
{
    /// <summary>Correct / Pairs.</summary>
    public double Accuracy => Correct / Pairs;

    /// <summary>Mean implicit reward of the chosen minus that of the rejected answers.</summary>
    public double MeanMargin => (ChosenRewardSum - RejectedRewardSum) / Pairs;

    /// <summary>The statistics of two parts of one batch together.</summary>
    public static PreferenceStatistics operator +(PreferenceStatistics a, PreferenceStatistics b) => new(
        a.Loss + b.Loss, a.Pairs + b.Pairs, a.Correct + b.Correct, a.ChosenRewardSum + b.ChosenRewardSum, a.RejectedRewardSum + b.RejectedRewardSum);

    internal static PreferenceStatistics OfPair(double loss, double chosenReward, double rejectedReward) => new(
        loss, 1, chosenReward > rejectedReward ? 1 : chosenReward == rejectedReward ? 0.5 : 0, chosenReward, rejectedReward);
}
