namespace Rlhf.Objectives;

/// <summary>
/// Cross-entropy of tokens whose log-probabilities are known: the loss of supervised fine-tuning, of pretraining and of the
/// pretraining mix in PPO-ptx (Ouyang 2022, eq. 2). The divisors count the whole optimizer batch, so that the parts of a
/// batch that was split into micro-batches add up to the loss and the gradient of the whole.
/// </summary>
public static class CrossEntropy
{
    /// <summary>
    /// Mean over tokens: loss = -scale * sum(log p) / <paramref name="totalTokens"/>.
    /// </summary>
    /// <param name="logProbabilities">[N] log p of every trained token of this part of the batch.</param>
    /// <param name="totalTokens">Trained tokens of the whole batch.</param>
    /// <param name="gradient">[N] d loss / d log p; replaced.</param>
    /// <param name="scale">Factor of loss and gradient, such as the coefficient of PPO-ptx.</param>
    /// <returns>This part's share of the loss.</returns>
    public static double TokenMean(ReadOnlySpan<float> logProbabilities, long totalTokens, Span<float> gradient, double scale = 1)
    {
        PackedRows.CheckDivisor(totalTokens, nameof(totalTokens));
        PackedRows.CheckLength(logProbabilities.Length, gradient.Length, nameof(gradient));
        gradient.Fill((float)(-scale / totalTokens));
        return -scale * Sum(logProbabilities) / totalTokens;
    }

    /// <summary>
    /// Mean over rows of each row's mean over tokens: loss = -sum over rows of (sum(log p) / length) / <paramref name="totalRows"/>.
    /// </summary>
    /// <param name="logProbabilities">[N] log p of every trained token.</param>
    /// <param name="offsets">[B + 1] where each row begins.</param>
    /// <param name="totalRows">Rows of the whole batch.</param>
    /// <param name="gradient">[N] d loss / d log p; replaced.</param>
    /// <returns>This part's share of the loss.</returns>
    public static double RowMean(ReadOnlySpan<float> logProbabilities, ReadOnlySpan<int> offsets, long totalRows, Span<float> gradient)
    {
        PackedRows.Check(offsets, logProbabilities.Length);
        PackedRows.CheckDivisor(totalRows, nameof(totalRows));
        PackedRows.CheckLength(logProbabilities.Length, gradient.Length, nameof(gradient));

        double loss = 0;
        for (var row = 0; row + 1 < offsets.Length; row++)
        {
            var (start, length) = (offsets[row], offsets[row + 1] - offsets[row]);
            loss -= Sum(logProbabilities.Slice(start, length)) / length;
            gradient.Slice(start, length).Fill((float)(-1.0 / ((double)length * totalRows)));
        }

        return loss / totalRows;
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }
}
