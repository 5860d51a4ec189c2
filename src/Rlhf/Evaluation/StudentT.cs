namespace Rlhf.Evaluation;

/// <summary>Student's t distribution, for intervals of means.</summary>
internal static class StudentT
{
    /// <summary>The t below which 97.5 % of the distribution lies, by halving the interval of its tail.</summary>
    public static double UpperQuantile(long degreesOfFreedom)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(degreesOfFreedom, 1);
        double low = 1.9, high = 13;
        for (var i = 0; i < 60; i++)
        {
            var middle = (low + high) / 2;
            if (TwoSidedTail(middle, degreesOfFreedom) > 0.05)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return high;
    }

    // P(|T| > t) = I_x(v/2, 1/2) with x = v / (v + t^2).
    private static double TwoSidedTail(double t, double v) => IncompleteBeta(v / (v + t * t), v / 2, 0.5);

    // Regularised incomplete beta function by its continued fraction (Abramowitz & Stegun 26.5.8), evaluated by Lentz's method.
    private static double IncompleteBeta(double x, double a, double b)
    {
        if (x > (a + 1) / (a + b + 2))
        {
            return 1 - IncompleteBeta(1 - x, b, a);
        }

        var front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * Math.Log(x) + b * Math.Log(1 - x)) / a;
        double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), fraction = d;
        for (var m = 1; m <= 1000; m++)
        {
            Step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
            var before = fraction;
            Step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
            if (Math.Abs(fraction - before) < 1e-15 * fraction)
            {
                break;
            }
        }

        return front * fraction;

        void Step(double term)
        {
            d = 1 / (1 + term * d);
            c = 1 + term / c;
            fraction *= c * d;
        }
    }

    // Stirling's series, after shifting the argument above 10 where four terms give full precision.
    private static double LogGamma(double x)
    {
        double shift = 0;
        for (; x < 10; x++)
        {
            shift -= Math.Log(x);
        }

        var r = 1 / (x * x);
        return shift + (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI) + (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r / 1680))) / x;
    }
}
