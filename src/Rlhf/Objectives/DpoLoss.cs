namespace Rlhf.Objectives;

/// <summary>
/// Direct preference optimization (Rafailov 2023, eq. 7): -log s(beta (D_c - D_r)), mean over pairs; with label smoothing e:
/// -(1-e) log s(beta h) - e log s(-beta h).
/// </summary>
public static class DpoLoss
{
    /// <summary>Loss and gradients of these pairs as a part of the whole batch; implicit rewards are beta D.</summary>
    /// <param name="chosen">B chosen answers.</param>
    /// <param name="rejected">B rejected answers in the same order.</param>
    /// <param name="beta">Strength of the tie to the reference.</param>
    /// <param name="labelSmoothing">Share of labels taken for wrong, below 0.5.</param>
    /// <param name="totalPairs">Pairs of the whole batch.</param>
    /// <param name="chosenGradient">d loss / d policy log-probability of each token of the chosen answers; replaced.</param>
    /// <param name="rejectedGradient">The same for the rejected answers.</param>
    public static PreferenceStatistics Compute(
        LogRatios chosen, LogRatios rejected, double beta, double labelSmoothing, long totalPairs, Span<float> chosenGradient, Span<float> rejectedGradient)
    {
        LogRatios.CheckPair(chosen, rejected, totalPairs, chosenGradient, rejectedGradient);
        var statistics = default(PreferenceStatistics);
        for (var row = 0; row < chosen.Rows; row++)
        {
            double chosenReward = beta * chosen.Sum(row), rejectedReward = beta * rejected.Sum(row);
            var x = chosenReward - rejectedReward;
            var loss = -(1 - labelSmoothing) * Logistic.LogSigmoid(x) - labelSmoothing * Logistic.LogSigmoid(-x);
            var slope = beta * (labelSmoothing * Logistic.Sigmoid(x) - (1 - labelSmoothing) * Logistic.Sigmoid(-x)) / totalPairs;
            chosen.Row(chosenGradient, row).Fill((float)slope);
            rejected.Row(rejectedGradient, row).Fill((float)-slope);
            statistics += PreferenceStatistics.OfPair(loss / totalPairs, chosenReward, rejectedReward);
        }

        return statistics;
    }
}
