namespace Rlhf.Objectives;

/// <summary>What one ratio new / old stands for.</summary>
public enum RatioUnit
{
    /// <summary>A token (PPO, GRPO).</summary>
    Token,

    /// <summary>An answer: exp of the mean over its tokens of log new - log old (Zheng 2025, GSPO).</summary>
    AnswerMean,

    /// <summary>An answer: exp of the sum over its tokens, the ratio of the answers' probabilities (Ahmadian 2024, RLOO).</summary>
    AnswerSum,
}

/// <summary>What is minimised where a ratio rho meets an advantage A.</summary>
public enum PolicySurrogate
{
    /// <summary>-min(rho A, clip(rho, 1 - low, 1 + high) A) (Schulman 2017, eq. 7).</summary>
    Clip,

    /// <summary>-w A log p, the weight w = min(rho, 1 + high) without a gradient (MiniMax 2025, CISPO).</summary>
    ClippedWeight,

    /// <summary>The same with w = min(rho, high): the bound itself is given, as TRL has it.</summary>
    CappedWeight,

    /// <summary>-A log p, without a ratio (Williams 1992).</summary>
    Reinforce,

    /// <summary>-(4 / tau) s(tau (rho - 1)) A, s the logistic function, tau 1 where A is above 0, else 1.05 (Gao 2025, SAPO).</summary>
    Soft,

    /// <summary>-A times the geometric mean of an answer's ratios, the log of each clipped to [-low, high] (Zhao 2025, GMPO).</summary>
    GeometricMean,
}

/// <summary>How the losses of tokens become one number.</summary>
public enum LossAggregation
{
    /// <summary>Mean over answers of the mean over an answer's tokens (Shao 2024, GRPO).</summary>
    Answers,

    /// <summary>Mean over all tokens: long answers weigh more (Yu 2025, DAPO).</summary>
    Tokens,

    /// <summary>Sum over all tokens / (answers x longest allowed answer): a token weighs the same in each answer and batch (Liu 2025, Dr. GRPO).</summary>
    Constant,
}

/// <summary>What becomes of an importance weight above its bound.</summary>
public enum ImportanceExcess
{
    /// <summary>It is the bound.</summary>
    Truncate,

    /// <summary>It is 0: the token or the answer is left out.</summary>
    Mask,
}

/// <summary>Settings of <see cref="GroupLoss"/>.</summary>
public sealed record GroupLossOptions
{
    /// <summary>What is minimised.</summary>
    public PolicySurrogate Surrogate { get; init; }

    /// <summary>What a ratio stands for; <see cref="PolicySurrogate.GeometricMean"/> has one of its own.</summary>
    public RatioUnit Ratio { get; init; }

    /// <summary>How token losses become one number.</summary>
    public LossAggregation Aggregation { get; init; }

    /// <summary>The ratio is clipped below at 1 - this.</summary>
    public double ClipLow { get; init; } = 0.2;

    /// <summary>The ratio is clipped above at 1 + this.</summary>
    public double ClipHigh { get; init; } = 0.2;

    /// <summary>Dual clip (Ye 2020): with a negative advantage a loss is at most -A times this; null for no bound.</summary>
    public double? DualClip { get; init; }

    /// <summary>Weight of the KL to the reference as a part of the loss; 0 for none.</summary>
    public double KlCoefficient { get; init; }

    /// <summary>How that KL is estimated.</summary>
    public KlEstimator KlEstimator { get; init; } = KlEstimator.K3;

    /// <summary>Weight of the entropy, which is taken off the loss; 0 for none.</summary>
    public double EntropyCoefficient { get; init; }

    /// <summary>Bound of the importance weights exp(old - sampler), which multiply the surrogate; null: no weights.</summary>
    public double? ImportanceCap { get; init; }

    /// <summary>One weight a token, or one an answer: exp of the sum over its tokens.</summary>
    public bool ImportanceOfAnswers { get; init; }

    /// <summary>What becomes of a weight above the bound.</summary>
    public ImportanceExcess ImportanceExcess { get; init; }

    /// <summary>Longest allowed answer in tokens; needed for <see cref="LossAggregation.Constant"/> only.</summary>
    public int? MaximumLength { get; init; }

    /// <summary>Whether an answer has one loss, and not each of its tokens.</summary>
    internal bool IsOfAnswers => Ratio != RatioUnit.Token || Surrogate == PolicySurrogate.GeometricMean;

    /// <summary>What the loss of a token of an answer is divided by.</summary>
    internal double Divisor(int length, GroupTotals totals) => Aggregation switch
    {
        LossAggregation.Answers => (double)totals.Answers * length,
        LossAggregation.Tokens => totals.Tokens,
        LossAggregation.Constant => (double)totals.Answers * (MaximumLength
            ?? throw new InvalidOperationException("Aggregation by a constant needs the longest allowed answer.")),
        _ => throw new InvalidOperationException($"There is no aggregation {Aggregation}."),
    };
}

/// <summary>What the loss of a part needs to know of the whole optimizer batch.</summary>
/// <param name="Answers">Its answers.</param>
/// <param name="Tokens">Their tokens.</param>
public readonly record struct GroupTotals(long Answers, long Tokens);
