namespace Rlhf.Objectives;

/// <summary>
/// Identity preference optimization (Azar 2023, eq. 17): (D_c - D_r - 1 / (2 tau))^2, mean over pairs, D summed over tokens;
/// or D as means over tokens, the form that some libraries use.
/// </summary>
public static class IpoLoss
{
    /// <summary>Loss and gradients of these pairs as a part of the whole batch; implicit rewards are D (summed or averaged).</summary>
    /// <param name="chosen">B chosen answers.</param>
    /// <param name="rejected">B rejected answers in the same order.</param>
    /// <param name="tau">Regularisation: the log-ratios are drawn to a difference of 1 / (2 tau).</param>
    /// <param name="tokenMean">D as the mean over an answer's tokens instead of the sum.</param>
    /// <param name="totalPairs">Pairs of the whole batch.</param>
    /// <param name="chosenGradient">d loss / d policy log-probability of each token of the chosen answers; replaced.</param>
    /// <param name="rejectedGradient">The same for the rejected answers.</param>
    public static PreferenceStatistics Compute(
        LogRatios chosen, LogRatios rejected, double tau, bool tokenMean, long totalPairs, Span<float> chosenGradient, Span<float> rejectedGradient)
    {
        LogRatios.CheckPair(chosen, rejected, totalPairs, chosenGradient, rejectedGradient);
        PackedRows.CheckDivisor(tau, nameof(tau));
        var statistics = default(PreferenceStatistics);
        for (var row = 0; row < chosen.Rows; row++)
        {
            var (chosenDivisor, rejectedDivisor) = tokenMean ? (chosen.Length(row), rejected.Length(row)) : (1, 1);
            double chosenReward = chosen.Sum(row) / chosenDivisor, rejectedReward = rejected.Sum(row) / rejectedDivisor;
            var error = chosenReward - rejectedReward - 1 / (2 * tau);
            var slope = 2 * error / totalPairs;
            chosen.Row(chosenGradient, row).Fill((float)(slope / chosenDivisor));
            rejected.Row(rejectedGradient, row).Fill((float)(-slope / rejectedDivisor));
            statistics += PreferenceStatistics.OfPair(error * error / totalPairs, chosenReward, rejectedReward);
        }

        return statistics;
    }
}
