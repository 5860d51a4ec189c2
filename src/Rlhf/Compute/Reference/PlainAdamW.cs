namespace Rlhf.Compute.Reference;

/// <summary>AdamW (Loshchilov and Hutter 2019) and global norm clipping in float64: the specification of the device's fused one.</summary>
/// <param name="count">Parameters.</param>
/// <param name="beta1">Of the first moment.</param>
/// <param name="beta2">Of the second moment.</param>
/// <param name="epsilon">Added to the root.</param>
/// <param name="weightDecay">Times the learning rate: what a parameter loses.</param>
/// <param name="steps">Steps that were done before.</param>
public sealed class PlainAdamW(int count, double beta1, double beta2, double epsilon, double weightDecay, int steps = 0)
{
    private int _step = steps;

    /// <summary>First moments.</summary>
    public double[] M { get; } = new double[count];

    /// <summary>Second moments.</summary>
    public double[] V { get; } = new double[count];

    /// <summary>The factor of all gradients that holds their global norm at most at the bound.</summary>
    public static double ClipFactor(double norm, double maximum) => Math.Min(1, maximum / (norm + 1e-6));

    /// <summary>The root of the sum of all squares.</summary>
    public static double Norm(params double[][] gradients) => Math.Sqrt(gradients.Sum(g => g.Sum(x => x * x)));

    /// <summary>p -= lr wd p; m, v; p -= lr m^ / (sqrt(v^) + eps).</summary>
    public void Step(double[] parameters, double[] gradient, double learningRate)
    {
        _step++;
        var (correction1, correction2) = (1 - Math.Pow(beta1, _step), 1 - Math.Pow(beta2, _step));
        for (var i = 0; i < parameters.Length; i++)
        {
            parameters[i] -= learningRate * weightDecay * parameters[i];
            M[i] = beta1 * M[i] + (1 - beta1) * gradient[i];
            V[i] = beta2 * V[i] + (1 - beta2) * gradient[i] * gradient[i];
            parameters[i] -= learningRate * (M[i] / correction1) / (Math.Sqrt(V[i] / correction2) + epsilon);
        }
    }
}
