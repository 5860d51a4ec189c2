using Rlhf.Evaluation;
using Rlhf.Model;

namespace Rlhf.Stages;

/// <summary>Mean reward of the present model's answers to the held-out prompts (InstructGPT chose its SFT model so).</summary>
internal sealed class ModelJudge(Decoder policy, Decoder reward, PolicyEvaluator evaluator) : IDisposable
{
    /// <summary>Answers the prompts and scores the answers.</summary>
    public double MeanReward() => evaluator.Evaluate(policy).Score.Value;

    /// <inheritdoc/>
    public void Dispose() => reward.Dispose();
}
