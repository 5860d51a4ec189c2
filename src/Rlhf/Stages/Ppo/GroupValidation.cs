using Rlhf.Objectives;

namespace Rlhf.Stages.Ppo;

/// <summary>What must hold of the options that compare answers with each other: one that nothing reads is an error.</summary>
internal static class GroupValidation
{
    private static readonly string[] WithoutValues =
    [
        nameof(PpoOptions.Deviation), nameof(PpoOptions.OthersDeviation), nameof(PpoOptions.GroupBaseline), nameof(PpoOptions.DropEqualGroups),
        nameof(PpoOptions.Resamplings), nameof(PpoOptions.Surrogate), nameof(PpoOptions.Ratio), nameof(PpoOptions.Aggregation), nameof(PpoOptions.KlIn),
        nameof(PpoOptions.OffPolicySteps), nameof(PpoOptions.ImportanceCap), nameof(PpoOptions.ImportanceOfAnswers), nameof(PpoOptions.ImportanceExcess),
    ];

    /// <summary>Adds what is wrong.</summary>
    public static void Validate(PpoOptions options, OptionErrors errors)
    {
        if (options.HasValues)
        {
            foreach (var key in WithoutValues)
            {
                errors.NoEffect(false, key, "with advantage: gae; it is of group, leave_one_out and batch");
            }

            return;
        }

        ValidateAdvantage(options, errors);
        ValidateGroups(options, errors);
        ValidateLoss(options, errors);
        ValidateKl(options, errors);
        ValidateOffPolicy(options, errors);
    }

    private static bool ComparesGroups(PpoOptions options) => options.Advantage != AdvantageEstimator.Batch || options.GroupBaseline;

    private static void ValidateAdvantage(PpoOptions options, OptionErrors errors)
    {
        var name = $"with advantage: {SnakeCase.Of(options.Advantage)}";
        errors.NoEffect(options.Advantage == AdvantageEstimator.Group, nameof(options.Deviation), $"{name}, only with group");
        errors.NoEffect(options.Advantage == AdvantageEstimator.LeaveOneOut, nameof(options.OthersDeviation), $"{name}, only with leave_one_out");
        errors.NoEffect(options.Advantage == AdvantageEstimator.Batch, nameof(options.GroupBaseline), $"{name}, only with batch");
        errors.NoEffect(options.Advantage == AdvantageEstimator.Batch, nameof(options.WhitenAdvantages), $"{name}, only with gae and batch");
        var least = options is { Advantage: AdvantageEstimator.LeaveOneOut, OthersDeviation: true } ? 3 : 2;
        errors.Require(!ComparesGroups(options) || options.RolloutsPerPrompt >= least, nameof(options.RolloutsPerPrompt),
            $"must be {least} or more {name}, found {options.RolloutsPerPrompt}: an answer is compared with the other answers to its prompt");
    }

    private static void ValidateGroups(PpoOptions options, OptionErrors errors)
    {
        errors.NoEffect(ComparesGroups(options), nameof(options.DropEqualGroups), "with advantage: batch without group_baseline: true");
        errors.NoEffect(ComparesGroups(options) && options.DropEqualGroups, nameof(options.Resamplings), "without drop_equal_groups: true");
        errors.NotNegative(options.Resamplings, nameof(options.Resamplings));
    }

    private static void ValidateLoss(PpoOptions options, OptionErrors errors)
    {
        var surrogate = options.Surrogate;
        var name = $"with surrogate: {SnakeCase.Of(surrogate)}";
        var isWeight = surrogate is PolicySurrogate.ClippedWeight or PolicySurrogate.CappedWeight;
        errors.NoEffect(surrogate != PolicySurrogate.GeometricMean, nameof(options.Ratio), $"{name}, whose ratio is an answer's");
        errors.Require(!(isWeight || surrogate == PolicySurrogate.Soft) || options.Ratio == RatioUnit.Token, nameof(options.Ratio), $"must be token {name}");
        errors.Require(ComparesGroups(options) || !options.ToLoss(0).IsOfAnswers,
            surrogate == PolicySurrogate.GeometricMean ? nameof(options.Surrogate) : nameof(options.Ratio),
            "must be of tokens with advantage: batch, where each token has an advantage of its own; or take group_baseline: true");
        var clips = surrogate is not (PolicySurrogate.Reinforce or PolicySurrogate.Soft);
        errors.NoEffect(clips && (!isWeight || options.ClipRangeHigh is null), nameof(options.ClipRange),
            isWeight ? $"{name} beside clip_range_high, as there is no lower bound" : name);
        errors.NoEffect(clips, nameof(options.ClipRangeHigh), name);
        errors.NoEffect(surrogate == PolicySurrogate.Clip, nameof(options.DualClip), $"{name}, only with clip");
    }

    private static void ValidateKl(PpoOptions options, OptionErrors errors)
    {
        errors.NoEffect(options.KlCoefficient > 0, nameof(options.KlIn), "with kl_coefficient: 0");
        errors.Require(options is not { KlIn: KlPlace.Loss, KlEstimator: KlEstimator.K1, KlCoefficient: > 0 }, nameof(options.KlEstimator),
            "k1 does not hold the policy in the loss, as its gradient is the same wherever the policy is; take k2 or k3, or kl_in: reward");
    }

    private static void ValidateOffPolicy(PpoOptions options, OptionErrors errors)
    {
        var parts = options.OffPolicySteps;
        errors.Positive(parts, nameof(options.OffPolicySteps));
        errors.Require(parts < 1 || options.Minibatch < 1 || options.RolloutsPerStep % options.Minibatch != 0
            || options.RolloutsPerStep / options.Minibatch % parts == 0, nameof(options.OffPolicySteps),
            $"must divide the step's minibatches ({options.RolloutsPerStep / Math.Max(1, options.Minibatch)}) without a rest, found {parts}");
        errors.NoEffect(parts > 1, nameof(options.ImportanceCap), "with off_policy_steps: 1, where nothing is stale");
        errors.Require(options.ImportanceCap is null or > 0, nameof(options.ImportanceCap), "must be above 0, or none");
        foreach (var key in (string[])[nameof(options.ImportanceOfAnswers), nameof(options.ImportanceExcess)])
        {
            errors.NoEffect(parts > 1 && options.ImportanceCap is not null, key, "without importance weights: off_policy_steps above 1, and importance_cap");
        }

        errors.Require(parts < 2 || options.ImportanceCap is null || options.ImportanceOfAnswers || !options.ToLoss(0).IsOfAnswers,
            nameof(options.ImportanceOfAnswers), "must be true where a ratio is an answer's");
    }
}
