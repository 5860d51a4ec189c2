namespace Rlhf.Training;

/// <summary>AdamW (Loshchilov and Hutter 2019); beta1 and beta2 as in InstructGPT (App. C).</summary>
public sealed record AdamOptions
{
    /// <summary>Decay of the running mean of the gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the running mean of the squared gradient.</summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled weight decay, on tensors of two or more dimensions only.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Below(Beta1, 0, 1);
        errors.Below(Beta2, 0, 1);
        errors.Positive(Epsilon);
        errors.NotNegative(WeightDecay);
    }
}
