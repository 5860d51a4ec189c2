namespace Rlhf.Objectives;

/// <summary>Which bound held a ratio.</summary>
internal enum ClipSide
{
    /// <summary>None.</summary>
    None,

    /// <summary>The lower one.</summary>
    Low,

    /// <summary>The upper one.</summary>
    High,
}

/// <summary>The loss of one ratio.</summary>
/// <param name="Loss">The loss.</param>
/// <param name="Slope">Its slope in the log-probability that the ratio is of.</param>
/// <param name="Side">Which bound held the ratio or its weight.</param>
/// <param name="Bounded">The dual clip held the loss.</param>
internal readonly record struct SurrogateTerm(double Loss, double Slope, ClipSide Side, bool Bounded);

/// <summary>The surrogates of one ratio, each with its slope (d rho / d log p = rho; a constant term has slope 0).</summary>
internal static class PolicySurrogates
{
    private const double RisingTemperature = 1;
    private const double FallingTemperature = 1.05;

    /// <summary>The loss that <paramref name="options"/> ask for.</summary>
    public static SurrogateTerm Of(double logRatio, double logProbability, double advantage, GroupLossOptions options)
    {
        var ratio = Math.Exp(logRatio);
        return options.Surrogate switch
        {
            PolicySurrogate.Clip => Clip(ratio, advantage, options.ClipLow, options.ClipHigh, options.DualClip),
            PolicySurrogate.ClippedWeight => Weighted(ratio, logProbability, advantage, 1 + options.ClipHigh),
            PolicySurrogate.CappedWeight => Weighted(ratio, logProbability, advantage, options.ClipHigh),
            PolicySurrogate.Reinforce => new SurrogateTerm(-advantage * logProbability, -advantage, ClipSide.None, Bounded: false),
            PolicySurrogate.Soft => Soft(ratio, advantage),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Surrogate, "This surrogate is not of one ratio."),
        };
    }

    /// <summary>max(-A rho, -A clip(rho, 1 - low, 1 + high)); with a dual clip and a negative advantage at most -A times that.</summary>
    public static SurrogateTerm Clip(double ratio, double advantage, double low, double high, double? dualClip)
    {
        var plain = -advantage * ratio;
        var clippedTerm = -advantage * Math.Clamp(ratio, 1 - low, 1 + high);
        var clipped = clippedTerm > plain;
        var side = !clipped ? ClipSide.None : advantage > 0 ? ClipSide.High : ClipSide.Low;
        var (loss, slope) = clipped ? (clippedTerm, 0.0) : (plain, plain);
        return dualClip is { } bound && advantage < 0 && loss > -advantage * bound
            ? new SurrogateTerm(-advantage * bound, 0, side, Bounded: true)
            : new SurrogateTerm(loss, slope, side, Bounded: false);
    }

    private static SurrogateTerm Weighted(double ratio, double logProbability, double advantage, double cap)
    {
        var slope = -advantage * Math.Min(ratio, cap);
        return new SurrogateTerm(slope * logProbability, slope, ratio > cap ? ClipSide.High : ClipSide.None, Bounded: false);
    }

    private static SurrogateTerm Soft(double ratio, double advantage)
    {
        var temperature = advantage > 0 ? RisingTemperature : FallingTemperature;
        var gate = Logistic.Sigmoid(temperature * (ratio - 1));
        return new SurrogateTerm(-4 / temperature * gate * advantage, -4 * gate * (1 - gate) * ratio * advantage, ClipSide.None, Bounded: false);
    }
}
