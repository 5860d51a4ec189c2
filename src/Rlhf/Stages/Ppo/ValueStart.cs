using Rlhf.Model;
using Rlhf.Objectives;

namespace Rlhf.Stages.Ppo;

/// <summary>What a value network of its own starts as.</summary>
internal static class ValueStart
{
    /// <summary>The value network starts as the reward model on the scale of the scores: w / sd, (b - mean) / sd. Where a list of rewards is in its place, no
    /// head fits, and it starts at 0.</summary>
    public static void FoldInto(Decoder value, ScoreScale scale, bool keepsHead)
    {
        var head = new float[value.Config.EmbeddingWidth];
        Span<float> bias = stackalloc float[1];
        value.Device.CopyOut(value.ScalarWeights, head);
        value.Device.CopyOut(value.ScalarBiases, bias);
        for (var i = 0; i < head.Length; i++)
        {
            head[i] = keepsHead ? (float)(head[i] / scale.StandardDeviation) : 0;
        }

        bias[0] = keepsHead ? (float)((bias[0] - scale.Mean) / scale.StandardDeviation) : 0;
        value.Device.CopyIn(head, value.ScalarWeights);
        value.Device.CopyIn(bias, value.ScalarBiases);
    }
}
