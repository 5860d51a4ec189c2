using Rlhf.Objectives;

namespace Rlhf.Stages.Ppo;

/// <summary>The papers' settings, and what contradicts them. Learning rates, batches and lengths go by the size of the model and are not among
/// them.</summary>
internal static class PpoPresets
{
    /// <summary>What a preset fixes.</summary>
    private static readonly (string Name, Func<PpoOptions, object?> ValueOf)[] Fixed =
    [
        (nameof(PpoOptions.Advantage), static options => options.Advantage),
        (nameof(PpoOptions.Deviation), static options => options.Deviation),
        (nameof(PpoOptions.OthersDeviation), static options => options.OthersDeviation),
        (nameof(PpoOptions.GroupBaseline), static options => options.GroupBaseline),
        (nameof(PpoOptions.WhitenAdvantages), static options => options.WhitenAdvantages),
        (nameof(PpoOptions.DropEqualGroups), static options => options.DropEqualGroups),
        (nameof(PpoOptions.Surrogate), static options => options.Surrogate),
        (nameof(PpoOptions.Ratio), static options => options.Ratio),
        (nameof(PpoOptions.Aggregation), static options => options.Aggregation),
        (nameof(PpoOptions.ClipRange), static options => options.ClipRange),
        (nameof(PpoOptions.ClipRangeHigh), static options => options.ClipRangeHigh),
        (nameof(PpoOptions.DualClip), static options => options.DualClip),
        (nameof(PpoOptions.KlIn), static options => options.KlIn),
        (nameof(PpoOptions.KlEstimator), static options => options.KlEstimator),
    ];

    /// <summary>A preset's values; everything else has its default.</summary>
    public static PpoOptions Of(PpoPreset preset)
    {
        var grpo = new PpoOptions
        {
            Advantage = AdvantageEstimator.Group,
            RolloutsPerPrompt = 64,
            KlIn = KlPlace.Loss,
            KlEstimator = KlEstimator.K3,
            KlCoefficient = 0.04,
        };
        var withoutKl = grpo with { KlCoefficient = 0, RolloutsPerPrompt = 16 };
        var dapo = withoutKl with { Aggregation = LossAggregation.Tokens, ClipRangeHigh = 0.28, DropEqualGroups = true, Overlong = new OverlongOptions() };
        var plusPlus = new PpoOptions { Advantage = AdvantageEstimator.Batch, Aggregation = LossAggregation.Tokens, KlCoefficient = 0.01 };
        return preset switch
        {
            PpoPreset.Grpo => grpo,
            PpoPreset.DrGrpo => withoutKl with { RolloutsPerPrompt = 8, Deviation = RewardDeviation.None, Aggregation = LossAggregation.Constant },
            PpoPreset.Rloo => new PpoOptions
            {
                Advantage = AdvantageEstimator.LeaveOneOut,
                RolloutsPerPrompt = 4,
                Ratio = RatioUnit.AnswerSum,
                KlCoefficient = 0.03,
            },
            PpoPreset.ReinforcePlusPlus => plusPlus,
            PpoPreset.ReinforcePlusPlusBaseline => plusPlus with
            {
                GroupBaseline = true,
                RolloutsPerPrompt = 8,
                KlIn = KlPlace.Loss,
                KlEstimator = KlEstimator.K2,
            },
            PpoPreset.Dapo => dapo,
            PpoPreset.Gspo => withoutKl with { Ratio = RatioUnit.AnswerMean, ClipRange = 3e-4, ClipRangeHigh = 4e-4 },
            PpoPreset.Cispo => dapo with { Surrogate = PolicySurrogate.ClippedWeight }, // its section 3.1 takes both techniques from DAPO
            _ => throw new ArgumentOutOfRangeException(nameof(preset)),
        };
    }

    /// <summary>Adds an error for each option that contradicts the preset.</summary>
    public static void Validate(PpoOptions options, OptionErrors errors)
    {
        if (options.Preset is not { } preset)
        {
            return;
        }

        var own = Of(preset);
        foreach (var (name, valueOf) in Fixed)
        {
            Require(Equals(valueOf(options), valueOf(own)), name, valueOf(own));
        }

        // How strong a KL penalty is goes by the reward's scale; whether there is one does not.
        Require(own.KlCoefficient > 0 || options.KlCoefficient == 0, nameof(options.KlCoefficient), own.KlCoefficient);

        void Require(bool agrees, string name, object? value) =>
            errors.Require(agrees, name, $"contradicts preset: {SnakeCase.Of(preset)}, which has {Shown(value)}; take one of the two away");
    }

    private static string Shown(object? value) => value switch
    {
        null => "none",
        bool flag => flag ? "true" : "false",
        Enum word => SnakeCase.Of(word),
        _ => FormattableString.Invariant($"{value}"),
    };
}
