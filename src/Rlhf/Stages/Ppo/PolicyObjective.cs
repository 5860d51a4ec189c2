using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What the losses of a step saw; parts add up with <c>+</c>.</summary>
/// <param name="Policy">Ratios, clips, entropies.</param>
/// <param name="Group">The same with the loss without a value network.</param>
/// <param name="Value">The value loss.</param>
internal readonly record struct LossSums(PpoPolicyStatistics Policy, GroupLossStatistics Group, PpoValueStatistics Value)
{
    public static LossSums operator +(LossSums a, LossSums b) => new(a.Policy + b.Policy, a.Group + b.Group, a.Value + b.Value);
}

/// <summary>The policy's loss of a micro-batch: PPO's where a value network gives the advantages, else that of answers compared with each other.</summary>
/// <param name="options">The stage's options.</param>
/// <param name="klCoefficient">Beta at this step.</param>
internal sealed class PolicyObjective(PpoOptions options, double klCoefficient)
{
    private readonly GroupLossOptions _loss = options.ToLoss(klCoefficient);

    /// <summary>Loss and gradients, after the trunk's forward pass.</summary>
    public (LossSums Seen, float[] Gradient, float[] EntropyGradient) Of(TrainingPass policy, PpoMicroBatch part, GroupTotals totals)
    {
        var (logProbabilities, entropies, gradient) = (new float[part.Tokens], new float[part.Tokens], new float[part.Tokens]);
        policy.LanguageForward(logProbabilities, entropies, options.Temperature);
        var entropyGradient = options.EntropyCoefficient != 0 ? new float[part.Tokens] : [];
        if (options.HasValues)
        {
            var statistics = PpoPolicyLoss.Compute(
                logProbabilities, part.OldLogProbabilities, part.Advantages, entropies, totals.Tokens, options.ClipRange, options.DualClip,
                options.EntropyCoefficient, gradient, out var slope, options.ClipRangeHigh);
            entropyGradient.AsSpan().Fill(slope);
            return (new LossSums(statistics, default, default), gradient, entropyGradient);
        }

        var answers = new PolicyAnswers
        {
            LogProbabilities = logProbabilities,
            OldLogProbabilities = part.OldLogProbabilities,
            Advantages = part.Advantages,
            Offsets = part.Offsets,
            ReferenceLogProbabilities = part.ReferenceLogProbabilities,
            SamplerLogProbabilities = part.SamplerLogProbabilities,
            Entropies = entropies,
        };
        var group = GroupLoss.Compute(answers, totals, _loss, gradient, entropyGradient);
        return (new LossSums(group.Policy, group, default), gradient, entropyGradient);
    }
}
