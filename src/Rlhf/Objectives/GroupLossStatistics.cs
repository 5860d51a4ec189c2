namespace Rlhf.Objectives;

/// <summary>What <see cref="GroupLoss"/> saw; parts of a batch are added up with <c>+</c>.</summary>
/// <param name="Policy">Ratios, clips, entropies, token by token.</param>
/// <param name="Loss">This part's share of the loss.</param>
/// <param name="KlSum">Sum over tokens of the KL estimates that are a part of the loss.</param>
/// <param name="WeightSum">Sum over tokens of the importance weights; the tokens' number without any.</param>
/// <param name="Excess">Tokens whose importance weight was above its bound.</param>
public readonly record struct GroupLossStatistics(PpoPolicyStatistics Policy, double Loss, double KlSum, double WeightSum, long Excess)
{
    /// <summary>Mean importance weight of a token.</summary>
    public double MeanWeight => WeightSum / Policy.Tokens;

    /// <summary>Share of tokens whose importance weight was above its bound.</summary>
    public double ExcessFraction => (double)Excess / Policy.Tokens;

    /// <summary>The statistics of two parts of one batch, or of two batches, together.</summary>
    public static GroupLossStatistics operator +(GroupLossStatistics a, GroupLossStatistics b) => new(
        a.Policy + b.Policy, a.Loss + b.Loss, a.KlSum + b.KlSum, a.WeightSum + b.WeightSum, a.Excess + b.Excess);
}
