namespace Rlhf.Model;

/// <summary>A change of the rotary frequencies for longer texts; absent (null) where there is none.</summary>
/// <param name="Kind">One of the kinds below.</param>
/// <param name="Factor">s: linear and dynamic divide or stretch by it, llama3 and yarn divide the low frequencies by it. longrope: S, of which the amplitude is
/// made.</param>
/// <param name="LowFrequencyFactor">llama3: waves longer than OriginalContext / this are divided whole.</param>
/// <param name="HighFrequencyFactor">llama3: waves shorter than OriginalContext / this stay as they are.</param>
/// <param name="OriginalContext">n0, tokens of context the model was first trained with; linear does not use it.</param>
public sealed record RotaryScaling(
    string Kind, double Factor, double LowFrequencyFactor, double HighFrequencyFactor, int OriginalContext)
{
    /// <summary>Every frequency is divided by the factor (Chen 2023).</summary>
    public const string Linear = "linear";

    /// <summary>The scaling of Llama 3.1: low frequencies are divided, high ones kept, those between interpolated.</summary>
    public const string Llama3 = "llama3";

    /// <summary>Rows longer than the original context have a larger base, which grows with the row (dynamic NTK; described in Peng 2023).</summary>
    public const string Dynamic = "dynamic";

    /// <summary>YaRN (Peng 2023): frequencies that turn less than beta times in the original context are divided.</summary>
    public const string Yarn = "yarn";

    /// <summary>LongRoPE (Ding 2024): a divisor for each frequency, others for rows longer than the original context.</summary>
    public const string LongRope = "longrope";

    /// <summary>Multiplies cosines and sines in place of what the kind's formula gives (yarn, longrope); null: the formula.</summary>
    public double? AttentionFactor { get; init; }

    /// <summary>yarn: a frequency that turns more often in the original context stays as it is.</summary>
    public double BetaFast { get; init; } = 32;

    /// <summary>yarn: a frequency that turns less often in the original context is divided whole.</summary>
    public double BetaSlow { get; init; } = 1;

    /// <summary>yarn: a in (0.1 a ln s + 1) / (0.1 b ln s + 1), where both are given.</summary>
    public double? Mscale { get; init; }

    /// <summary>yarn: b.</summary>
    public double? MscaleAllDimensions { get; init; }

    /// <summary>yarn: the ends of the blended range are rounded outwards to whole pairs.</summary>
    public bool Truncate { get; init; } = true;

    /// <summary>longrope: divisors [r / 2] of rows of at most the original context.</summary>
    public EqualList<double> ShortFactors { get; init; } = new();

    /// <summary>longrope: divisors [r / 2] of longer rows.</summary>
    public EqualList<double> LongFactors { get; init; } = new();

    /// <summary>Whether a row's angles depend on how long the whole row is.</summary>
    public bool DependsOnLength => Kind is Dynamic or LongRope;

    /// <summary>Rows with the same number have the same angles: 0 up to the original context, above it 1 (longrope), or the row's length (dynamic).</summary>
    public int Regime(int length) => !DependsOnLength || length <= OriginalContext ? 0 : Kind == LongRope ? 1 : length;

    /// <summary>m: multiplies cosines and sines, also of short rows.</summary>
    public double Amplitude => AttentionFactor ?? Kind switch
    {
        _ when Factor <= 1 => 1,
        Yarn when Mscale is { } a and not 0 && MscaleAllDimensions is { } b and not 0 => Slow(a) / Slow(b),
        Yarn => Slow(1),
        LongRope => Math.Sqrt(1 + (Math.Log(Factor) / Math.Log(OriginalContext))),
        _ => 1,
    };

    /// <summary>The angle per position of each pair [r / 2].</summary>
    /// <param name="theta">The base.</param>
    /// <param name="turned">r, components that are turned.</param>
    /// <param name="regime">Of the row (<see cref="Regime"/>).</param>
    public double[] Frequencies(double theta, int turned, int regime) => Kind switch
    {
        Linear => [.. Plain(theta, turned).Select(frequency => frequency / Factor)],
        Llama3 => [.. Plain(theta, turned).Select(Llama3Frequency)],
        Dynamic => Plain(regime == 0 ? theta : theta * Math.Pow((Factor * regime / OriginalContext) - Factor + 1, turned / (turned - 2.0)), turned),
        Yarn => YarnFrequencies(theta, turned),
        LongRope => [.. Plain(theta, turned).Zip(regime == 0 ? ShortFactors : LongFactors, (frequency, divisor) => frequency / divisor)],
        _ => throw new InvalidOperationException(Kind),
    };

    /// <summary>theta^(-2j/r).</summary>
    public static double[] Plain(double theta, int turned) => [.. Enumerable.Range(0, turned / 2).Select(j => Math.Pow(theta, -2.0 * j / turned))];

    private double Slow(double scale) => (0.1 * scale * Math.Log(Factor)) + 1;

    // Waves longer than context / low are divided, those shorter than context / high kept, those between blended.
    private double Llama3Frequency(double frequency)
    {
        var wave = 2 * Math.PI / frequency;
        var blend = ((OriginalContext / wave) - LowFrequencyFactor) / (HighFrequencyFactor - LowFrequencyFactor);
        var kept = Math.Clamp(blend, 0, 1);
        return ((1 - kept) * frequency / Factor) + (kept * frequency);
    }

    private double[] YarnFrequencies(double theta, int turned)
    {
        double PairThatTurns(double times) => turned * Math.Log(OriginalContext / (times * 2 * Math.PI)) / (2 * Math.Log(theta));
        var (low, high) = (PairThatTurns(BetaFast), PairThatTurns(BetaSlow));
        (low, high) = Truncate ? (Math.Floor(low), Math.Ceiling(high)) : (low, high);
        (low, high) = (Math.Max(low, 0), Math.Min(high, turned - 1));
        var width = high == low ? 0.001 : high - low;
        return [.. Plain(theta, turned).Select((frequency, j) =>
        {
            var divided = Math.Clamp((j - low) / width, 0, 1);
            return (frequency * (1 - divided)) + (frequency / Factor * divided);
        })];
    }
}
