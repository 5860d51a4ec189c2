using Rlhf.Grading;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>What must hold of the options whatever advantages come from, and what only a value network reads.</summary>
internal static class PpoValidation
{
    private static readonly string[] OfValues =
    [
        nameof(PpoOptions.ValueLearningRate), nameof(PpoOptions.ValueClipRange), nameof(PpoOptions.ValueCoefficient), nameof(PpoOptions.Gamma),
        nameof(PpoOptions.Lambda), nameof(PpoOptions.WhitenRewards), nameof(PpoOptions.ValueWarmUpSteps), nameof(PpoOptions.SharedTrunk),
    ];

    /// <summary>Adds what is wrong.</summary>
    public static void Validate(PpoOptions options, OptionErrors errors)
    {
        ValidateRollouts(options, errors);
        ValidateRewards(options, errors);
        ValidateUpdate(options, errors);
        ValidateValues(options, errors);
        errors.NotNegative(options.EvaluateEvery, nameof(options.EvaluateEvery));
        errors.Require(options.EvaluationPrompts >= 2, nameof(options.EvaluationPrompts),
            FormattableString.Invariant($"must be at least 2, as an interval needs two prompts, found {options.EvaluationPrompts}"));
        errors.Positive(options.EvaluationSamples, nameof(options.EvaluationSamples));
        errors.NotNegative(options.SamplesPerStep, nameof(options.SamplesPerStep));
        options.Alarms.Validate(errors.Below(nameof(options.Alarms)));
    }

    private static void ValidateRollouts(PpoOptions options, OptionErrors errors)
    {
        var (rollouts, minibatch, perPrompt) = (options.RolloutsPerStep, options.Minibatch, options.RolloutsPerPrompt);
        errors.Positive(options.Steps, nameof(options.Steps));
        errors.Positive(rollouts, nameof(options.RolloutsPerStep));
        errors.Within(minibatch, 1, Math.Max(1, rollouts), nameof(options.Minibatch));
        errors.Require(minibatch < 1 || minibatch > rollouts || rollouts % minibatch == 0, nameof(options.Minibatch),
            $"must divide rollouts_per_step ({rollouts}) without a rest, found {minibatch}");
        errors.Positive(perPrompt, nameof(options.RolloutsPerPrompt));
        errors.Require(minibatch < 1 || perPrompt < 1 || minibatch % perPrompt == 0, nameof(options.RolloutsPerPrompt),
            $"must divide minibatch ({minibatch}) without a rest, found {perPrompt}: the rollouts of a prompt belong to one optimizer step");
        errors.Positive(options.InnerEpochs, nameof(options.InnerEpochs));
        errors.Positive(options.MaxNewTokens, nameof(options.MaxNewTokens));
        options.Limits.ValidateForPrompts(errors.Below(nameof(options.Limits)));
        errors.Positive(options.Temperature, nameof(options.Temperature));
    }

    private static void ValidateRewards(PpoOptions options, OptionErrors errors)
    {
        errors.NotNegative(options.KlCoefficient, nameof(options.KlCoefficient));
        options.AdaptiveKl?.Validate(errors.Below(nameof(options.AdaptiveKl)));
        errors.Require(options.AdaptiveKl is null || options.KlCoefficient > 0, nameof(options.AdaptiveKl),
            "has no effect with kl_coefficient: 0, which it multiplies");
        errors.Require(options.ScoreClip is null or > 0, nameof(options.ScoreClip), "must be above 0, or none");
        errors.Require(options.NormalizationSamples is null or > 1, nameof(options.NormalizationSamples), "must be above 1, or none");
        errors.NoEffect(
            options.ScoreNormalization == ScoreNormalization.SftSamples
                || options.Rewards.Any(static source => source.Normalize == RewardNormalization.SftSamples),
            nameof(options.NormalizationSamples), "without score_normalization: sft_samples, or a reward that is normalised so");
        errors.NoEffect(options.KlCoefficient > 0, nameof(options.KlEstimator), "with kl_coefficient: 0");
        errors.NotNegative(options.MissingEosPenalty, nameof(options.MissingEosPenalty));
        options.Overlong?.Validate(errors.Below(nameof(options.Overlong)));
    }

    private static void ValidateUpdate(PpoOptions options, OptionErrors errors)
    {
        errors.Positive(options.ClipRange, nameof(options.ClipRange));
        errors.Require(options.ClipRangeHigh is null or > 0, nameof(options.ClipRangeHigh), "must be above 0, or none");
        errors.NotNegative(options.EntropyCoefficient, nameof(options.EntropyCoefficient));
        errors.Require(options.DualClip is null or > 1, nameof(options.DualClip), "must be above 1, or none");
        errors.Require(options.Ema is null or (> 0 and < 1), nameof(options.Ema), "must be above 0 and below 1, or none");
        errors.Require(options.TargetKl is null or > 0, nameof(options.TargetKl), "must be above 0, or none");
        options.Ptx?.Validate(errors.Below(nameof(options.Ptx)));
        errors.Below(nameof(options.Adapter)).NoEffect(false, nameof(AdapterOptions.Dropout),
            "in ppo, which trains without dropout: else the policy would not be the one that answered");
    }

    private static void ValidateValues(PpoOptions options, OptionErrors errors)
    {
        if (!options.HasValues)
        {
            foreach (var key in OfValues)
            {
                errors.NoEffect(false, key, $"with advantage: {SnakeCase.Of(options.Advantage)}, which has no value network");
            }

            return;
        }

        errors.Within(options.Gamma, 0, 1, nameof(options.Gamma));
        errors.Within(options.Lambda, 0, 1, nameof(options.Lambda));
        errors.Positive(options.ValueLearningRate, nameof(options.ValueLearningRate));
        errors.NoEffect(!options.SharedTrunk, nameof(options.ValueLearningRate), "with shared_trunk: true, where one learning rate serves both");
        errors.NoEffect(options.SharedTrunk, nameof(options.ValueCoefficient), "without shared_trunk: true; use value_learning_rate");
        errors.NotNegative(options.ValueCoefficient, nameof(options.ValueCoefficient));
        errors.Require(options.ValueClipRange is null or > 0, nameof(options.ValueClipRange), "must be above 0, or none");
        errors.Within(options.ValueWarmUpSteps, 0, Math.Max(0, options.Steps - 1), nameof(options.ValueWarmUpSteps));
    }
}
