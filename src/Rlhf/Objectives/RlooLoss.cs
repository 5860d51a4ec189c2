namespace Rlhf.Objectives;

/// <summary>
/// REINFORCE leave-one-out (Ahmadian 2024) on whole answers, with advantages from <see cref="GroupAdvantages.LeaveOneOut"/>:
/// plain, or with a clipped ratio of the whole answer for several updates per rollout.
/// </summary>
public static class RlooLoss
{
    /// <summary>Score of an answer less its KL penalty: R = r - beta * sum_t (old - reference).</summary>
    /// <param name="scores">[B] score of each answer.</param>
    /// <param name="kl">[N] KL to the reference per token (k1).</param>
    /// <param name="offsets">[B + 1] where each answer begins.</param>
    /// <param name="beta">KL coefficient.</param>
    /// <param name="destination">[B] penalised scores.</param>
    public static void PenalisedScores(ReadOnlySpan<float> scores, ReadOnlySpan<float> kl, ReadOnlySpan<int> offsets, double beta, Span<float> destination)
    {
        PackedRows.Check(offsets, kl.Length);
        PackedRows.CheckLength(offsets.Length - 1, scores.Length, nameof(scores));
        PackedRows.CheckLength(scores.Length, destination.Length, nameof(destination));
        for (var row = 0; row < scores.Length; row++)
        {
            destination[row] = (float)(scores[row] - beta * Sum(kl, offsets, row));
        }
    }

    /// <summary>-mean over answers of A_i * sum_t log p_new.</summary>
    /// <param name="newLogProbabilities">[N] log-probabilities under the policy being trained.</param>
    /// <param name="offsets">[B + 1] where each answer begins.</param>
    /// <param name="advantages">[B] advantage of each answer.</param>
    /// <param name="totalRows">Answers of the whole batch.</param>
    /// <param name="gradient">[N] d loss / d new log-probability; replaced.</param>
    /// <returns>This part's share of the loss.</returns>
    public static double Reinforce(
        ReadOnlySpan<float> newLogProbabilities, ReadOnlySpan<int> offsets, ReadOnlySpan<float> advantages, long totalRows, Span<float> gradient)
    {
        Check(newLogProbabilities.Length, offsets, advantages, totalRows, gradient);
        double loss = 0;
        for (var row = 0; row < advantages.Length; row++)
        {
            loss -= advantages[row] * Sum(newLogProbabilities, offsets, row) / totalRows;
            gradient[offsets[row]..offsets[row + 1]].Fill((float)(-(double)advantages[row] / totalRows));
        }

        return loss;
    }

    /// <summary>-mean over answers of min(rho_i A_i, clip(rho_i) A_i), rho_i = exp(sum_t new - sum_t old).</summary>
    /// <param name="newLogProbabilities">[N] log-probabilities under the policy being trained.</param>
    /// <param name="oldLogProbabilities">[N] log-probabilities at the time of the rollout.</param>
    /// <param name="offsets">[B + 1] where each answer begins.</param>
    /// <param name="advantages">[B] advantage of each answer.</param>
    /// <param name="clipRange">The ratio is clipped to [1 - range, 1 + range].</param>
    /// <param name="totalRows">Answers of the whole batch.</param>
    /// <param name="gradient">[N] d loss / d new log-probability; replaced.</param>
    /// <returns>This part's share of the loss.</returns>
    public static double ClippedSequenceRatio(
        ReadOnlySpan<float> newLogProbabilities, ReadOnlySpan<float> oldLogProbabilities, ReadOnlySpan<int> offsets, ReadOnlySpan<float> advantages,
        double clipRange, long totalRows, Span<float> gradient)
    {
        Check(newLogProbabilities.Length, offsets, advantages, totalRows, gradient);
        PackedRows.CheckLength(newLogProbabilities.Length, oldLogProbabilities.Length, nameof(oldLogProbabilities));
        double loss = 0;
        for (var row = 0; row < advantages.Length; row++)
        {
            double advantage = advantages[row];
            var ratio = Math.Exp(Sum(newLogProbabilities, offsets, row) - Sum(oldLogProbabilities, offsets, row));
            var plain = -advantage * ratio;
            var clippedTerm = -advantage * Math.Clamp(ratio, 1 - clipRange, 1 + clipRange);
            loss += Math.Max(plain, clippedTerm) / totalRows;
            gradient[offsets[row]..offsets[row + 1]].Fill((float)(clippedTerm > plain ? 0 : plain / totalRows));
        }

        return loss;
    }

    private static double Sum(ReadOnlySpan<float> perToken, ReadOnlySpan<int> offsets, int row)
    {
        double sum = 0;
        for (var t = offsets[row]; t < offsets[row + 1]; t++)
        {
            sum += perToken[t];
        }

        return sum;
    }

    private static void Check(int tokens, ReadOnlySpan<int> offsets, ReadOnlySpan<float> advantages, long totalRows, Span<float> gradient)
    {
        PackedRows.Check(offsets, tokens);
        PackedRows.CheckLength(offsets.Length - 1, advantages.Length, nameof(advantages));
        PackedRows.CheckLength(tokens, gradient.Length, nameof(gradient));
        PackedRows.CheckDivisor(totalRows, nameof(totalRows));
    }
}
