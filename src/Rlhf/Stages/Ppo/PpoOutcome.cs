using Rlhf.Objectives;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What the updates of one PPO step saw.</summary>
/// <param name="Policy">Null while only the value network is trained.</param>
/// <param name="Group">The loss without a value network; null with one.</param>
/// <param name="Value">The value loss; null without a value network.</param>
/// <param name="FirstLogRatio">Largest |trainer - rollout| log-probability before the first update: 0 in float32, measured in bfloat16. Null while only the
/// value network is trained.</param>
/// <param name="PolicyNorm">Mean gradient norm of the policy.</param>
/// <param name="ValueNorm">Mean gradient norm of the value network; null without one of its own.</param>
/// <param name="PolicyRate">The learning rate.</param>
/// <param name="PretrainingLoss">Mean next-token loss of the ptx text; null without ptx.</param>
/// <param name="Minibatches">Minibatches done; fewer than planned after an early stop.</param>
/// <param name="StoppedEarly">The approximate KL went above target_kl.</param>
public sealed record PpoOutcome(
    PpoPolicyStatistics? Policy, GroupLossStatistics? Group, PpoValueStatistics? Value, double? FirstLogRatio, double PolicyNorm, double? ValueNorm,
    double PolicyRate, double? PretrainingLoss, int Minibatches, bool StoppedEarly)
{
    /// <summary>Adds the metrics.</summary>
    internal void AddTo(List<(Metric, double)> values, PpoOptions options)
    {
        Add(PpoMetrics.ValueLoss, Value?.Loss);
        Add(PpoMetrics.ValueClipFraction, Value?.ClipFraction);
        values.Add((TrainingMetrics.LearningRate, PolicyRate));
        values.Add((PpoMetrics.Minibatches, Minibatches));
        values.Add((PpoMetrics.StoppedEarly, StoppedEarly ? 1 : 0));
        Add(PpoMetrics.ExplainedVariance, Value?.ExplainedVariance);
        Add(PpoMetrics.ValueGradientNorm, ValueNorm);
        Add(PpoMetrics.LogprobDifference, FirstLogRatio);
        Add(PpoMetrics.PtxLoss, PretrainingLoss);
        if (Policy is { } policy)
        {
            values.Add((PpoMetrics.PolicyLoss, Group is { } loss ? loss.Loss / Minibatches : policy.PolicyLoss));
            values.Add((AnswerMetrics.Entropy, policy.Entropy));
            values.Add((PpoMetrics.ClipFraction, policy.ClipFraction));
            values.Add((PpoMetrics.ApproximateKl, policy.ApproximateKlK3));
            values.Add((TrainingMetrics.GradientNorm, PolicyNorm));
        }

        if (Group is { } group)
        {
            AddGroup(group, values, options);
        }

        void Add(Metric metric, double? value)
        {
            if (value is { } number)
            {
                values.Add((metric, number));
            }
        }
    }

    private static void AddGroup(GroupLossStatistics group, List<(Metric, double)> values, PpoOptions options)
    {
        values.Add((GroupMetrics.Ratio, group.Policy.MeanRatio));
        values.Add((GroupMetrics.ClipFractionLow, group.Policy.ClipFractionLow));
        values.Add((GroupMetrics.ClipFractionHigh, group.Policy.ClipFractionHigh));
        if (options is { KlIn: KlPlace.Loss, KlCoefficient: > 0 })
        {
            values.Add((GroupMetrics.LossKl, group.KlSum / group.Policy.Tokens));
        }

        if (options.ToLoss(0).ImportanceCap is not null)
        {
            values.Add((GroupMetrics.ImportanceWeight, group.MeanWeight));
            values.Add((GroupMetrics.ImportanceExcess, group.ExcessFraction));
        }
    }
}
