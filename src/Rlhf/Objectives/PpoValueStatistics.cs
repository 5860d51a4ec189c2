namespace Rlhf.Objectives;

/// <summary>Sums over tokens of what PPO's value loss saw; parts of a minibatch or whole epochs are added up with <c>+</c>, the means follow.</summary>
public readonly record struct PpoValueStatistics
{
    private double LossSum { get; init; }
    private double SquaredErrorSum { get; init; }
    private long Clipped { get; init; }
    private long Outside { get; init; }
    private RunningMoments OldErrors { get; init; }
    private RunningMoments NewErrors { get; init; }

    /// <summary>Moments of the returns.</summary>
    public RunningMoments Returns { get; private init; }

    /// <summary>Tokens counted.</summary>
    public long Tokens => Returns.Count;

    /// <summary>0.5 * mean of the larger of the plain and the clipped squared error, without the coefficient.</summary>
    public double Loss => LossSum / Tokens;

    /// <summary>Mean of (v - R)^2.</summary>
    public double MeanSquaredError => SquaredErrorSum / Tokens;

    /// <summary>Share of tokens where the clipped term is strictly the larger one.</summary>
    public double ClipFraction => (double)Clipped / Tokens;

    /// <summary>Share of tokens whose value moved by more than the clip range.</summary>
    public double OutsideFraction => (double)Outside / Tokens;

    /// <summary>1 - var(R - V) / var(R) of the values at the time of the rollout; none where all returns are equal.</summary>
    public double? ExplainedVariance => Explained(OldErrors.SquaredDeviations);

    /// <summary>1 - var(R - v) / var(R) of the values being trained.</summary>
    public double? ExplainedVarianceOfNewValues => Explained(NewErrors.SquaredDeviations);

    /// <summary>1 - mean((v - R)^2) / var(R), OpenAI's form: a constant error counts.</summary>
    public double? ExplainedVarianceOpenAi => Explained(SquaredErrorSum);

    private double? Explained(double unexplained) => Returns.SquaredDeviations > 0 ? 1 - unexplained / Returns.SquaredDeviations : null;

    /// <summary>The statistics of two sets of tokens together.</summary>
    public static PpoValueStatistics operator +(PpoValueStatistics a, PpoValueStatistics b) => new()
    {
        LossSum = a.LossSum + b.LossSum,
        SquaredErrorSum = a.SquaredErrorSum + b.SquaredErrorSum,
        Clipped = a.Clipped + b.Clipped,
        Outside = a.Outside + b.Outside,
        OldErrors = a.OldErrors + b.OldErrors,
        NewErrors = a.NewErrors + b.NewErrors,
        Returns = a.Returns + b.Returns,
    };

    internal static PpoValueStatistics OfToken(double value, double old, double target, double lossError, bool clipped, bool outside) => new()
    {
        LossSum = 0.5 * lossError * lossError,
        SquaredErrorSum = (value - target) * (value - target),
        Clipped = clipped ? 1 : 0,
        Outside = outside ? 1 : 0,
        OldErrors = new RunningMoments(1, target - old, 0),
        NewErrors = new RunningMoments(1, target - value, 0),
        Returns = new RunningMoments(1, target, 0),
    };
}
