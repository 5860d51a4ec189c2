using Rlhf.Objectives;

namespace Rlhf.Stages.Ppo;

/// <summary>What becomes of rewards: advantages, and returns where a value network learns them.</summary>
internal static class AdvantageEstimation
{
    /// <summary>Fills KL, advantages and returns of a rollout.</summary>
    /// <param name="r">The judged answers.</param>
    /// <param name="options">The stage's options.</param>
    /// <param name="klCoefficient">Beta at this step.</param>
    public static Rollout Fill(Rollout r, PpoOptions options, double klCoefficient)
    {
        KlEstimators.PerToken(options.KlEstimator, r.LogProbabilities, r.ReferenceLogProbabilities, r.Kl);
        if (options.HasValues)
        {
            FromValues(r, options, klCoefficient);
        }
        else
        {
            FromOthers(r, options, options.KlIn == KlPlace.Reward ? klCoefficient : 0);
        }

        if (options.WhitenAdvantages && options.Advantage is AdvantageEstimator.Gae or AdvantageEstimator.Batch)
        {
            Whitening.Whiten(r.Advantages, r.Advantages);
        }

        return r;
    }

    private static void FromValues(Rollout r, PpoOptions options, double klCoefficient)
    {
        var rewards = new float[r.Kl.Length];
        Rewards.PerToken(r.Kl, r.Offsets, r.Rewards, klCoefficient, rewards);
        if (options.WhitenRewards)
        {
            Whitening.Whiten(rewards, rewards, keepMean: true);
        }

        GeneralizedAdvantage.Compute(rewards, r.Values, r.Offsets, options.Gamma, options.Lambda, r.Advantages, r.Returns);
    }

    private static void FromOthers(Rollout r, PpoOptions options, double klCoefficient)
    {
        if (options is { Advantage: AdvantageEstimator.Batch, GroupBaseline: false })
        {
            Rewards.ToCome(r.Kl, r.Offsets, r.Rewards, klCoefficient, r.Advantages);
            return;
        }

        var (rewards, advantages) = (new float[r.Rewards.Length], new float[r.Rewards.Length]);
        Rewards.PerAnswer(r.Kl, r.Offsets, r.Rewards, klCoefficient, rewards);
        Compare(rewards, options, advantages);
        for (var row = 0; row < advantages.Length; row++)
        {
            r.Advantages.AsSpan(r.TokensOf(row, row + 1)).Fill(advantages[row]);
        }
    }

    private static void Compare(float[] rewards, PpoOptions options, float[] advantages)
    {
        var size = options.RolloutsPerPrompt;
        switch (options.Advantage)
        {
            case AdvantageEstimator.LeaveOneOut when options.OthersDeviation:
                GroupAdvantages.LeaveOneOutNormalised(rewards, size, advantages);
                break;
            case AdvantageEstimator.LeaveOneOut:
                GroupAdvantages.LeaveOneOut(rewards, size, advantages);
                break;
            case AdvantageEstimator.Group when options.Deviation == RewardDeviation.Group:
                GroupAdvantages.Normalised(rewards, size, advantages);
                break;
            case AdvantageEstimator.Group when options.Deviation == RewardDeviation.Batch:
                GroupAdvantages.BatchNormalised(rewards, size, advantages);
                break;
            default:
                GroupAdvantages.MeanOnly(rewards, size, advantages);
                break;
        }
    }
}
