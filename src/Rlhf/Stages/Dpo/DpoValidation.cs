using Rlhf.Objectives;

namespace Rlhf.Stages.Dpo;

/// <summary>Which options a loss reads: one that it does not read is an error.</summary>
internal static class DpoValidation
{
    private static readonly PreferenceObjective[] Smoothed = [PreferenceObjective.Cdpo, PreferenceObjective.Robust, PreferenceObjective.ExoPair];

    private static readonly PreferenceObjective[] WithMargin =
    [
        PreferenceObjective.Dpo, PreferenceObjective.Cdpo, PreferenceObjective.Robust, PreferenceObjective.Hinge, PreferenceObjective.Simpo,
        PreferenceObjective.Cpo,
    ];

    /// <summary>Whether a loss takes a margin of its pairs.</summary>
    public static bool TakesMargin(DpoOptions options) => options.Rankings == RankingForm.Pairs && WithMargin.Contains(options.Loss);

    /// <summary>Adds what is wrong with the loss and its numbers.</summary>
    public static void Validate(DpoOptions options, OptionErrors errors)
    {
        var loss = options.Loss;
        var name = $"with loss: {SnakeCase.Of(loss)}";
        var (isKto, isOrder) = (loss == PreferenceObjective.Kto, options.Rankings == RankingForm.PlackettLuce);
        errors.Require(!isOrder || loss == PreferenceObjective.Dpo, nameof(options.Rankings),
            $"plackett_luce is a form of loss: dpo; {name.Replace("with ", "", StringComparison.Ordinal)} has pairs");
        errors.NoEffect(!isKto, nameof(options.Rankings), name + ", which splits rankings into single answers");
        errors.Require(options.Beta is null or > 0, nameof(options.Beta), "must be above 0, or none");
        Own(Smoothed.Contains(loss), nameof(options.LabelSmoothing), Smoothed);
        errors.Require(options.LabelSmoothing is null or (> 0 and < 0.5), nameof(options.LabelSmoothing),
            "must be above 0 and below 0.5, or none; loss: dpo has none");
        Own(loss == PreferenceObjective.Simpo, nameof(options.Gamma), [PreferenceObjective.Simpo]);
        errors.Require(options.Gamma is null or >= 0, nameof(options.Gamma), "must be 0 or above, or none");
        var isSum = options.ToLoss().HasReference && loss is not (PreferenceObjective.Kto or PreferenceObjective.Aot) && !isOrder;
        var where = isOrder ? "with rankings: plackett_luce" : name;
        errors.NoEffect(isSum, nameof(options.LengthNormalized), where);
        errors.NoEffect(isSum, nameof(options.ExtraTokenWeight), where);
        errors.Require(options is not { LengthNormalized: true, ExtraTokenWeight: not 1 }, nameof(options.ExtraTokenWeight),
            "has no effect beside length_normalized: true");
        errors.Within(options.ExtraTokenWeight, 0, 1);
        errors.NoEffect(!isKto && !isOrder, nameof(options.LikelihoodCoefficient), where);
        errors.Require(options.LikelihoodCoefficient is null or >= 0, nameof(options.LikelihoodCoefficient), "must be 0 or above, or none");
        errors.NoEffect(!isKto && !isOrder && options.ToLoss().LikelihoodCoefficient > 0, nameof(options.LikelihoodMean), "without likelihood_coefficient");
        errors.NoEffect(loss == PreferenceObjective.BcoPair, nameof(options.RewardShift), name);
        errors.NoEffect(TakesMargin(options), nameof(options.Margin), where);
        errors.NotNegative(options.Margin);
        foreach (var key in (string[])[nameof(options.DesirableWeight), nameof(options.UndesirableWeight), nameof(options.ReferencePoint)])
        {
            Own(isKto, key, [PreferenceObjective.Kto]);
        }

        errors.NotNegative(options.DesirableWeight);
        errors.NotNegative(options.UndesirableWeight);
        errors.Require(options.DesirableWeight + options.UndesirableWeight > 0, nameof(options.DesirableWeight),
            "is 0, and undesirable_weight too: nothing would be learned");

        void Own(bool hasEffect, string key, PreferenceObjective[] losses) =>
            errors.NoEffect(hasEffect, key, $"{name}, only with {string.Join(", ", losses.Select(one => SnakeCase.Of(one)))}");
    }
}
