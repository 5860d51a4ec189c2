namespace Rlhf.Objectives;

/// <summary>
/// Per-token rewards of PPO (Ziegler 2019, Stiennon 2020, Ouyang 2022): -beta * KL at every response token and the answer's score
/// at its last token only.
/// </summary>
public static class Rewards
{
    /// <summary>r_t = -beta * kl_t, + score at the row's last token.</summary>
    /// <param name="kl">[N] KL to the reference per token (<see cref="KlEstimators"/>).</param>
    /// <param name="offsets">[B + 1] where each row begins.</param>
    /// <param name="scores">[B] score of each answer.</param>
    /// <param name="beta">KL coefficient.</param>
    /// <param name="destination">[N] the rewards.</param>
    public static void PerToken(ReadOnlySpan<float> kl, ReadOnlySpan<int> offsets, ReadOnlySpan<float> scores, double beta, Span<float> destination)
    {
        PackedRows.Check(offsets, kl.Length);
        PackedRows.CheckLength(offsets.Length - 1, scores.Length, nameof(scores));
        PackedRows.CheckLength(kl.Length, destination.Length, nameof(destination));

        for (var i = 0; i < kl.Length; i++)
        {
            destination[i] = (float)(-beta * kl[i]);
        }

        for (var row = 0; row < scores.Length; row++)
        {
            var last = offsets[row + 1] - 1;
            destination[last] = (float)(-beta * kl[last] + scores[row]);
        }
    }

    /// <summary>An answer's score less the KL of all its tokens: R = score - beta sum_t kl_t (Ahmadian 2024).</summary>
    /// <param name="kl">[N] KL to the reference per token.</param>
    /// <param name="offsets">[B + 1] where each row begins.</param>
    /// <param name="scores">[B] score of each answer.</param>
    /// <param name="beta">KL coefficient.</param>
    /// <param name="destination">[B] the rewards.</param>
    public static void PerAnswer(ReadOnlySpan<float> kl, ReadOnlySpan<int> offsets, ReadOnlySpan<float> scores, double beta, Span<float> destination)
    {
        PackedRows.Check(offsets, kl.Length);
        PackedRows.CheckLength(offsets.Length - 1, scores.Length, nameof(scores));
        PackedRows.CheckLength(scores.Length, destination.Length, nameof(destination));
        for (var row = 0; row < scores.Length; row++)
        {
            double sum = 0;
            foreach (var token in kl[offsets[row]..offsets[row + 1]])
            {
                sum += token;
            }

            destination[row] = (float)(scores[row] - (beta * sum));
        }
    }

    /// <summary>Rewards to come: score - beta times the KL of this token and of those after it (Hu 2025, eq. 8).</summary>
    /// <param name="kl">[N] KL to the reference per token.</param>
    /// <param name="offsets">[B + 1] where each row begins.</param>
    /// <param name="scores">[B] score of each answer.</param>
    /// <param name="beta">KL coefficient.</param>
    /// <param name="destination">[N] the sums.</param>
    public static void ToCome(ReadOnlySpan<float> kl, ReadOnlySpan<int> offsets, ReadOnlySpan<float> scores, double beta, Span<float> destination)
    {
        PackedRows.Check(offsets, kl.Length);
        PackedRows.CheckLength(offsets.Length - 1, scores.Length, nameof(scores));
        PackedRows.CheckLength(kl.Length, destination.Length, nameof(destination));
        for (var row = 0; row < scores.Length; row++)
        {
            double sum = 0;
            for (var t = offsets[row + 1] - 1; t >= offsets[row]; t--)
            {
                sum += kl[t];
                destination[t] = (float)(scores[row] - (beta * sum));
            }
        }
    }
}
