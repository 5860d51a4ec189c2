namespace Rlhf.Objectives;

/// <summary>The logistic function and its logarithm, exact far beyond the point where <c>log(1 / (1 + exp(-x)))</c> gives 0 or infinity.</summary>
public static class Logistic
{
    /// <summary>s(x) = 1 / (1 + e^-x).</summary>
    public static double Sigmoid(double x)
    {
        var decay = Math.Exp(-Math.Abs(x));
        return x >= 0 ? 1 / (1 + decay) : decay / (1 + decay);
    }

    /// <summary>log s(x) = min(x, 0) - log(1 + e^-|x|).</summary>
    public static double LogSigmoid(double x) => Math.Min(x, 0) - LogOnePlus(Math.Exp(-Math.Abs(x)));

    /// <summary>1 - e^m for m &lt; 0, also where e^m rounds to 1: (1 - e^m) = -m (1 - e^m) / -log(e^m) cancels the rounding (Kahan).</summary>
    public static double OneMinusExp(double m)
    {
        var power = Math.Exp(m);
        return power == 1 ? -m : power == 0 ? 1 : (power - 1) * m / -Math.Log(power);
    }

    // log(1 + y) for y in [0, 1]: the quotient cancels the rounding of 1 + y (Kahan), so that 1e-27 stays 1e-27.
    private static double LogOnePlus(double y)
    {
        var sum = 1 + y;
        return sum == 1 ? y : Math.Log(sum) * (y / (sum - 1));
    }
}
