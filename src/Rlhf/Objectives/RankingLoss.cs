namespace Rlhf.Objectives;

/// <summary>What becomes of pairs that the labeler held for equally good.</summary>
public enum TieRule
{
    /// <summary>Left out; per prompt the mean over the pairs that remain, then the mean over prompts (Ouyang 2022).</summary>
    Drop,

    /// <summary>Left out; one mean over all remaining pairs of all prompts.</summary>
    DropPooled,

    /// <summary>A tie counts -0.5 log s(d) - 0.5 log s(-d); mean over all pairs of a prompt, then over prompts.</summary>
    Half,
}

/// <summary>Variants of the ranking loss; the defaults are InstructGPT's.</summary>
public sealed record RankingLossOptions
{
    /// <summary>What becomes of ties.</summary>
    public TieRule Ties { get; init; } = TieRule.Drop;

    /// <summary>Share e of the labels taken for wrong: -(1-e) log s(d) - e log s(-d); 0 &lt;= e &lt; 0.5.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Coefficient of the mean of (r_w + r_l)^2, which holds rewards near 0 (Eisenstein 2023); averaged as the pairs are.</summary>
    public double Centering { get; init; }
}

/// <summary>What the ranking loss saw; parts of a batch are added up with <c>+</c>.</summary>
/// <param name="Loss">The loss, the centering penalty included.</param>
/// <param name="CenteringPenalty">The part of the loss that is the centering penalty.</param>
/// <param name="Prompts">Prompts with at least one counted pair.</param>
/// <param name="Pairs">Counted pairs; with <see cref="TieRule.Half"/> ties are among them.</param>
/// <param name="Decided">Counted pairs that are not ties.</param>
/// <param name="Correct">Decided pairs in which the winner has the larger reward; equal rewards count a half.</param>
public readonly record struct RankingStatistics(double Loss, double CenteringPenalty, long Prompts, long Pairs, long Decided, double Correct)
{
    /// <summary>Correct / Decided, or none without a decided pair.</summary>
    public double? Accuracy => Decided == 0 ? null : Correct / Decided;

    /// <summary>The statistics of two parts of one batch together.</summary>
    public static RankingStatistics operator +(RankingStatistics a, RankingStatistics b) => new(
        a.Loss + b.Loss, a.CenteringPenalty + b.CenteringPenalty, a.Prompts + b.Prompts, a.Pairs + b.Pairs, a.Decided + b.Decided, a.Correct + b.Correct);
}

/// <summary>
/// The reward model's loss (Ouyang 2022, eq. 1): per prompt the mean over its pairs of -log s(r_w - r_l - margin), then the
/// mean over prompts. K = 2 is the loss of Stiennon 2020.
/// </summary>
public static class RankingLoss
{
    /// <summary>
    /// What the loss of a batch is divided by: the sum of the weights of the prompts that have a counted pair, or, for
    /// <see cref="TieRule.DropPooled"/>, of the weights of all counted pairs. Add it up over all parts of the batch.
    /// </summary>
    /// <param name="pairs">The pairs of all prompts, one prompt after the other.</param>
    /// <param name="pairOffsets">[P + 1] where each prompt's pairs begin; a prompt may have none.</param>
    /// <param name="promptWeights">[P] weight of each prompt, or empty for 1 each.</param>
    /// <param name="ties">What becomes of ties.</param>
    public static double Divisor(ReadOnlySpan<RankedPair> pairs, ReadOnlySpan<int> pairOffsets, ReadOnlySpan<float> promptWeights, TieRule ties)
    {
        CheckPrompts(pairs.Length, pairOffsets, promptWeights);
        double total = 0;
        for (var prompt = 0; prompt + 1 < pairOffsets.Length; prompt++)
        {
            var counted = CountedPairs(pairs[pairOffsets[prompt]..pairOffsets[prompt + 1]], ties);
            if (counted > 0)
            {
                total += Weight(promptWeights, prompt) * (ties == TieRule.DropPooled ? counted : 1);
            }
        }

        return total;
    }

    /// <summary>The loss of these prompts as a part of the whole batch, and its gradient.</summary>
    /// <param name="rewards">[A] rewards of all answers.</param>
    /// <param name="pairs">The pairs of all prompts, one prompt after the other.</param>
    /// <param name="pairOffsets">[P + 1] where each prompt's pairs begin; a prompt without counted pairs adds nothing.</param>
    /// <param name="promptWeights">[P] weight of each prompt, or empty for 1 each.</param>
    /// <param name="divisor"><see cref="Divisor"/> of the whole batch.</param>
    /// <param name="options">Ties, label smoothing, centering.</param>
    /// <param name="gradient">[A] d loss / d reward; replaced.</param>
    public static RankingStatistics Compute(
        ReadOnlySpan<float> rewards, ReadOnlySpan<RankedPair> pairs, ReadOnlySpan<int> pairOffsets, ReadOnlySpan<float> promptWeights,
        double divisor, RankingLossOptions options, Span<float> gradient)
    {
        CheckPrompts(pairs.Length, pairOffsets, promptWeights);
        PackedRows.CheckDivisor(divisor, nameof(divisor));
        PackedRows.CheckLength(rewards.Length, gradient.Length, nameof(gradient));

        gradient.Clear();
        var statistics = default(RankingStatistics);
        for (var prompt = 0; prompt + 1 < pairOffsets.Length; prompt++)
        {
            var own = pairs[pairOffsets[prompt]..pairOffsets[prompt + 1]];
            var counted = CountedPairs(own, options.Ties);
            if (counted == 0)
            {
                continue;
            }

            var share = Weight(promptWeights, prompt) / (options.Ties == TieRule.DropPooled ? divisor : divisor * counted);
            statistics += OnePrompt(rewards, own, share, options, gradient);
        }

        return statistics;
    }

    private static RankingStatistics OnePrompt(
        ReadOnlySpan<float> rewards, ReadOnlySpan<RankedPair> pairs, double share, RankingLossOptions options, Span<float> gradient)
    {
        double loss = 0, penalty = 0, correct = 0;
        long counted = 0, decided = 0;
        foreach (var pair in pairs)
        {
            if (!Counts(pair, options.Ties))
            {
                continue;
            }

            double winner = rewards[pair.Winner], loser = rewards[pair.Loser];
            var wrong = pair.IsTie ? 0.5 : options.LabelSmoothing;
            var x = winner - loser - (pair.IsTie ? 0 : pair.Margin);
            var sum = winner + loser;
            loss -= share * ((1 - wrong) * Logistic.LogSigmoid(x) + wrong * Logistic.LogSigmoid(-x));
            penalty += share * options.Centering * sum * sum;

            var slope = -(1 - wrong) * Logistic.Sigmoid(-x) + wrong * Logistic.Sigmoid(x);
            var pull = 2 * options.Centering * sum;
            gradient[pair.Winner] += (float)(share * (slope + pull));
            gradient[pair.Loser] += (float)(share * (pull - slope));

            counted++;
            if (pair.IsTie)
            {
                continue;
            }

            decided++;
            correct += winner > loser ? 1 : winner == loser ? 0.5 : 0;
        }

        return new RankingStatistics(loss + penalty, penalty, 1, counted, decided, correct);
    }

    private static bool Counts(RankedPair pair, TieRule ties) => !pair.IsTie || ties == TieRule.Half;

    private static int CountedPairs(ReadOnlySpan<RankedPair> pairs, TieRule ties)
    {
        var count = 0;
        foreach (var pair in pairs)
        {
            if (Counts(pair, ties))
            {
                count++;
            }
        }

        return count;
    }

    private static double Weight(ReadOnlySpan<float> weights, int prompt) => weights.IsEmpty ? 1 : weights[prompt];

    private static void CheckPrompts(int pairs, ReadOnlySpan<int> pairOffsets, ReadOnlySpan<float> promptWeights)
    {
        if (pairOffsets.IsEmpty || pairOffsets[0] != 0 || pairOffsets[^1] != pairs)
        {
            throw new ArgumentException($"Pair offsets must begin with 0 and end with the number of pairs ({pairs}).", nameof(pairOffsets));
        }

        if (!promptWeights.IsEmpty)
        {
            PackedRows.CheckLength(pairOffsets.Length - 1, promptWeights.Length, nameof(promptWeights));
        }
    }
}
