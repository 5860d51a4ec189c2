namespace Rlhf.Objectives;

/// <summary>What a loss of preferences saw; parts of a batch are added up with <c>+</c>. Better and worse answers are counted once a pair; in KTO they are the
/// good and the bad ones.</summary>
/// <param name="Loss">This part's share of the loss.</param>
/// <param name="Compared">Pairs; in KTO answers.</param>
/// <param name="Correct">Pairs whose better answer has the larger implicit reward (equal ones count a half); in KTO answers on their side of the reference
/// point.</param>
/// <param name="Better">Better answers.</param>
/// <param name="Worse">Worse answers.</param>
/// <param name="BetterRewardSum">Sum of the implicit rewards of the better answers.</param>
/// <param name="WorseRewardSum">Sum of the implicit rewards of the worse answers.</param>
/// <param name="BetterLogSum">Sum of log p of the better answers.</param>
/// <param name="WorseLogSum">Sum of log p of the worse answers.</param>
public readonly record struct PreferenceStatistics(
    double Loss, long Compared, double Correct, long Better, long Worse, double BetterRewardSum, double WorseRewardSum, double BetterLogSum, double WorseLogSum)
{
    /// <summary>Correct / Compared.</summary>
    public double Accuracy => Correct / Compared;

    /// <summary>Mean implicit reward of the better answers; NaN without one.</summary>
    public double BetterReward => BetterRewardSum / Better;

    /// <summary>Mean implicit reward of the worse answers; NaN without one.</summary>
    public double WorseReward => WorseRewardSum / Worse;

    /// <summary>Mean log p of a better answer, nats; NaN without one.</summary>
    public double BetterLogProbability => BetterLogSum / Better;

    /// <summary>Mean log p of a worse answer, nats; NaN without one.</summary>
    public double WorseLogProbability => WorseLogSum / Worse;

    /// <summary>Mean implicit reward of the better minus that of the worse answers; NaN where one of them is absent.</summary>
    public double MeanMargin => BetterReward - WorseReward;

    /// <summary>The statistics of two parts of one batch together.</summary>
    public static PreferenceStatistics operator +(PreferenceStatistics a, PreferenceStatistics b) => new(
        a.Loss + b.Loss, a.Compared + b.Compared, a.Correct + b.Correct, a.Better + b.Better, a.Worse + b.Worse, a.BetterRewardSum + b.BetterRewardSum,
        a.WorseRewardSum + b.WorseRewardSum, a.BetterLogSum + b.BetterLogSum, a.WorseLogSum + b.WorseLogSum);

    internal static PreferenceStatistics OfPair(double loss, double betterReward, double worseReward, double betterLog, double worseLog) => new(
        loss, 1, betterReward > worseReward ? 1 : betterReward == worseReward ? 0.5 : 0, 1, 1, betterReward, worseReward, betterLog, worseLog);

    internal static PreferenceStatistics OfAnswer(double loss, bool good, double reward, double log, double aboveReference)
    {
        var correct = aboveReference == 0 ? 0.5 : aboveReference > 0 == good ? 1 : 0;
        return good ? new(loss, 1, correct, 1, 0, reward, 0, log, 0) : new(loss, 1, correct, 0, 1, 0, reward, 0, log);
    }
}
