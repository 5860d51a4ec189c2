using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>The settings of one AdamW update.</summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">Of the first moment.</param>
/// <param name="Beta2">Of the second moment.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="WeightDecay">wd.</param>
/// <param name="Step">t, from 1.</param>
/// <param name="GradientScale">Multiplies the gradients first (clipping).</param>
public readonly record struct AdamWStep(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, long Step, double GradientScale);

/// <summary>
/// One update of a run of parameters (Loshchilov and Hutter 2019): p -= lr wd p; m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2; p -= lr m^ / (sqrt(v^) + eps)
/// with
/// m^ = m / (1 - b1^t), v^ = v / (1 - b2^t).
/// </summary>
/// <param name="Parameters">p, any shape.</param>
/// <param name="Gradients">g, as p.</param>
/// <param name="FirstMoments">m, as p.</param>
/// <param name="SecondMoments">v, as p.</param>
/// <param name="Step">The settings.</param>
public readonly record struct AdamW(FloatBuffer Parameters, FloatBuffer Gradients, FloatBuffer FirstMoments, FloatBuffer SecondMoments, AdamWStep Step)
{
    internal void Check() => NeedEach(Parameters.Length, Gradients, FirstMoments, SecondMoments);
}
