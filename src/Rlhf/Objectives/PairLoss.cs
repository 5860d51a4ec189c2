namespace Rlhf.Objectives;

/// <summary>The loss of one pair as a function of two numbers, the better answer's and the worse one's, with its slopes. Exact far out.</summary>
internal readonly record struct PairLoss(double Loss, double BetterSlope, double WorseSlope)
{
    /// <summary>The loss of a pair.</summary>
    /// <param name="better">D or log p of the better answer, as a sum or a mean.</param>
    /// <param name="worse">The same of the worse answer.</param>
    /// <param name="offset">Taken off x: a margin that the pair should have.</param>
    /// <param name="shift">What beta D is counted from, in BCO.</param>
    /// <param name="options">Which loss, and its numbers.</param>
    public static PairLoss Of(double better, double worse, double offset, double shift, PreferenceLossOptions options)
    {
        var (beta, e) = (options.Beta, options.LabelSmoothing);
        var (b, w) = (beta * better, beta * worse);
        var x = b - w - offset;
        return options.Objective switch
        {
            PreferenceObjective.Dpo or PreferenceObjective.Aot or PreferenceObjective.Cpo => OfDifference(Smoothed(x, 0), beta),
            PreferenceObjective.Cdpo => OfDifference(Smoothed(x, e), beta),
            PreferenceObjective.Robust => OfDifference(Robust(x, e), beta),
            PreferenceObjective.Simpo => OfDifference(Smoothed(x - options.Gamma, 0), beta),
            PreferenceObjective.Hinge => OfDifference(x < 1 ? (1 - x, -1) : (0, 0), beta),
            PreferenceObjective.ExoPair => OfDifference(Exact(x, e), beta),
            PreferenceObjective.Ipo => OfDifference(Square(better - worse - (1 / (2 * beta))), 1),
            PreferenceObjective.SppoHard => Sum(Square(better - (1 / (2 * beta))), Square(worse + (1 / (2 * beta))), 1),
            PreferenceObjective.ApoZero => Sum(Scaled(Sigmoid(b), -1), Sigmoid(w), beta),
            PreferenceObjective.ApoDown => ApoDown(b, x, beta),
            PreferenceObjective.NcaPair => Sum(Add(Smoothed(b, 0), Scaled(Smoothed(b, 1), 0.5)), Scaled(Smoothed(w, 1), 0.5), beta),
            PreferenceObjective.BcoPair => Sum(Smoothed(b - shift, 0), Smoothed(w - shift, 1), beta),
            PreferenceObjective.Orpo => OddsRatio(better, worse, beta),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Objective, "This is no loss of pairs."),
        };
    }

    /// <summary>-(1 - e) log s(x) - e log s(-x) and its slope.</summary>
    internal static (double Loss, double Slope) Smoothed(double x, double e) =>
        ((-(1 - e) * Logistic.LogSigmoid(x)) - (e * Logistic.LogSigmoid(-x)), (e * Logistic.Sigmoid(x)) - ((1 - e) * Logistic.Sigmoid(-x)));

    /// <summary>(-(1 - e) log s(x) + e log s(-x)) / (1 - 2 e) and its slope.</summary>
    internal static (double Loss, double Slope) Robust(double x, double e) => (
        ((-(1 - e) * Logistic.LogSigmoid(x)) + (e * Logistic.LogSigmoid(-x))) / (1 - (2 * e)),
        ((-(1 - e) * Logistic.Sigmoid(-x)) - (e * Logistic.Sigmoid(x))) / (1 - (2 * e)));

    /// <summary>log p / (1 - p) of p = e^m and its slope 1 / (1 - e^m). A mean that float32 rounds to 0 stands for a p of 1 - 1e-12, which is not
    /// pushed.</summary>
    internal static (double LogOdds, double Slope) LogOdds(double m)
    {
        const double Largest = -1e-12;
        return m > Largest
            ? (Largest - Math.Log(Logistic.OneMinusExp(Largest)), 0)
            : (m - Math.Log(Logistic.OneMinusExp(m)), 1 / Logistic.OneMinusExp(m));
    }

    private static PairLoss OfDifference((double Loss, double Slope) loss, double scale) => new(loss.Loss, scale * loss.Slope, -scale * loss.Slope);

    private static PairLoss Sum((double Loss, double Slope) better, (double Loss, double Slope) worse, double scale) =>
        new(better.Loss + worse.Loss, scale * better.Slope, scale * worse.Slope);

    private static PairLoss ApoDown(double b, double x, double beta)
    {
        var (own, pair) = (Sigmoid(b), Sigmoid(x));
        return new PairLoss(own.Loss - pair.Loss, beta * (own.Slope - pair.Slope), beta * pair.Slope);
    }

    private static PairLoss OddsRatio(double better, double worse, double lambda)
    {
        var ((b, bSlope), (w, wSlope)) = (LogOdds(better), LogOdds(worse));
        var (loss, slope) = Smoothed(b - w, 0);
        return new PairLoss(lambda * loss, lambda * slope * bSlope, -lambda * slope * wSlope);
    }

    // d/dx = s(x) s(-x) (x - log((1 - e) / e)).
    private static (double Loss, double Slope) Exact(double x, double e)
    {
        var (p, q) = (Logistic.Sigmoid(x), Logistic.Sigmoid(-x));
        return ((p * (Logistic.LogSigmoid(x) - Math.Log(1 - e))) + (q * (Logistic.LogSigmoid(-x) - Math.Log(e))), p * q * (x - Math.Log((1 - e) / e)));
    }

    private static (double Loss, double Slope) Sigmoid(double x) => (Logistic.Sigmoid(x), Logistic.Sigmoid(x) * Logistic.Sigmoid(-x));

    private static (double Loss, double Slope) Square(double x) => (x * x, 2 * x);

    private static (double Loss, double Slope) Scaled((double Loss, double Slope) loss, double by) => (by * loss.Loss, by * loss.Slope);

    private static (double Loss, double Slope) Add((double Loss, double Slope) a, (double Loss, double Slope) b) => (a.Loss + b.Loss, a.Slope + b.Slope);
}
