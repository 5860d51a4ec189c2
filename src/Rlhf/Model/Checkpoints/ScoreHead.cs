namespace Rlhf.Model.Checkpoints;

/// <summary>The scalar head of a reward or value model: score = weight . h + bias, h the final hidden state.</summary>
/// <param name="Weight">[C].</param>
/// <param name="Bias">Added to every score.</param>
public sealed record ScoreHead(float[] Weight, float Bias)
{
    /// <summary>The weight's name in a checkpoint, [1, C].</summary>
    public const string WeightName = "score.weight";

    /// <summary>The bias's name in a checkpoint, [1].</summary>
    public const string BiasName = "score.bias";
}
