namespace Rlhf.Model.Checkpoints;

/// <summary>
/// The scalar head of a reward or value model: score = weight . h + bias, h the final hidden state. Other programs' heads have no bias, so ours are written
/// without one: what
/// sets the zero is kept apart, as the shift.
/// </summary>
/// <param name="Weight">[C].</param>
/// <param name="Bias">Part of every score. Only older folders have one.</param>
/// <param name="Shift">Added to the scores where their zero matters: then the demonstrations have 0 on average. No part of the score.</param>
public sealed record ScoreHead(float[] Weight, float Bias = 0, float Shift = 0)
{
    /// <summary>The weight's name in a checkpoint, [1, C].</summary>
    public const string WeightName = "score.weight";

    /// <summary>The bias's name in a checkpoint, [1].</summary>
    public const string BiasName = "score.bias";
}
