namespace Rlhf.Objectives;

/// <summary>Sums over tokens of what PPO's policy loss saw; parts of a minibatch or whole epochs are added up with <c>+</c>, the means follow.</summary>
public readonly record struct PpoPolicyStatistics
{
    private double SurrogateSum { get; init; }
    private double BonusSum { get; init; }
    private double EntropySum { get; init; }
    private double RatioSum { get; init; }
    private double K1Sum { get; init; }
    private double K2Sum { get; init; }
    private double K3Sum { get; init; }
    private long ClippedLow { get; init; }
    private long ClippedHigh { get; init; }
    private long Outside { get; init; }
    private long Bounded { get; init; }

    /// <summary>Tokens counted.</summary>
    public long Tokens { get; private init; }

    /// <summary>Largest |new - old| log-probability of a token; 0 on the first minibatch in float32.</summary>
    public double LargestLogRatio { get; private init; }

    /// <summary>Mean clipped surrogate (the entropy bonus not in it).</summary>
    public double PolicyLoss => SurrogateSum / Tokens;

    /// <summary>Mean clipped surrogate minus the entropy bonus: what the gradient belongs to.</summary>
    public double Loss => (SurrogateSum - BonusSum) / Tokens;

    /// <summary>Mean entropy per token, in nats, of the tokens whose entropies were given.</summary>
    public double Entropy => EntropySum / Tokens;

    /// <summary>Mean of rho = exp(new - old).</summary>
    public double MeanRatio => RatioSum / Tokens;

    /// <summary>Share of tokens where the clipped term is strictly the larger one (Ziegler's <c>clipfrac</c>).</summary>
    public double ClipFraction => (double)(ClippedLow + ClippedHigh) / Tokens;

    /// <summary>Share of tokens held by the lower bound: their advantage is negative.</summary>
    public double ClipFractionLow => (double)ClippedLow / Tokens;

    /// <summary>Share of tokens held by the upper bound.</summary>
    public double ClipFractionHigh => (double)ClippedHigh / Tokens;

    /// <summary>Share of tokens whose ratio lies outside the clip range.</summary>
    public double OutsideFraction => (double)Outside / Tokens;

    /// <summary>Share of tokens whose loss the dual clip bounded.</summary>
    public double DualClipFraction => (double)Bounded / Tokens;

    /// <summary>KL of the rollout policy to the new one, k1: mean(old - new).</summary>
    public double ApproximateKlK1 => K1Sum / Tokens;

    /// <summary>The same by 0.5 mean((new - old)^2), OpenAI's <c>approxkl</c>.</summary>
    public double ApproximateKlK2 => K2Sum / Tokens;

    /// <summary>The same by mean(rho - 1 - log rho).</summary>
    public double ApproximateKlK3 => K3Sum / Tokens;

    /// <summary>The statistics of two sets of tokens together.</summary>
    public static PpoPolicyStatistics operator +(PpoPolicyStatistics a, PpoPolicyStatistics b) => new()
    {
        Tokens = a.Tokens + b.Tokens,
        SurrogateSum = a.SurrogateSum + b.SurrogateSum,
        BonusSum = a.BonusSum + b.BonusSum,
        EntropySum = a.EntropySum + b.EntropySum,
        RatioSum = a.RatioSum + b.RatioSum,
        K1Sum = a.K1Sum + b.K1Sum,
        K2Sum = a.K2Sum + b.K2Sum,
        K3Sum = a.K3Sum + b.K3Sum,
        ClippedLow = a.ClippedLow + b.ClippedLow,
        ClippedHigh = a.ClippedHigh + b.ClippedHigh,
        Outside = a.Outside + b.Outside,
        Bounded = a.Bounded + b.Bounded,
        LargestLogRatio = Math.Max(a.LargestLogRatio, b.LargestLogRatio),
    };

    internal static PpoPolicyStatistics OfToken(
        double logRatio, double loss, ClipSide side, bool bounded, double clipLow, double clipHigh, double entropy, double entropyCoefficient)
    {
        var ratio = Math.Exp(logRatio);
        return new PpoPolicyStatistics
        {
            Tokens = 1,
            SurrogateSum = loss,
            BonusSum = entropyCoefficient * entropy,
            EntropySum = entropy,
            RatioSum = ratio,
            K1Sum = -logRatio,
            K2Sum = 0.5 * logRatio * logRatio,
            K3Sum = ratio - 1 - logRatio,
            ClippedLow = side == ClipSide.Low ? 1 : 0,
            ClippedHigh = side == ClipSide.High ? 1 : 0,
            Outside = ratio - 1 > clipHigh || 1 - ratio > clipLow ? 1 : 0,
            Bounded = bounded ? 1 : 0,
            LargestLogRatio = Math.Abs(logRatio),
        };
    }
}
