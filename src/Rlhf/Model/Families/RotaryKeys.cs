using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>How queries and keys are turned, as a file says it.</summary>
/// <param name="Base">theta.</param>
/// <param name="Scaling">A change of the frequencies, or null.</param>
/// <param name="Fraction">Part of a head's components that turn.</param>
internal sealed record RotarySettings(double Base, RotaryScaling? Scaling, double Fraction)
{
    /// <summary>Components of a head that turn; null for all of them.</summary>
    public int? Turned(int headWidth) => Fraction == 1 ? null : (int)(headWidth * Fraction);
}

/// <summary>The keys of rotary positions, which several families share: <c>rope_theta</c> with <c>rope_scaling</c> or, newer, <c>rope_parameters</c>.</summary>
internal static class RotaryKeys
{
    /// <summary>Part of a head's components that turn.</summary>
    public const string Part = "partial_rotary_factor";

    /// <summary>The keys of the whole model; what is wrong goes to their list of problems.</summary>
    /// <param name="keys">Those of the model.</param>
    /// <param name="usualBase">theta where the file does not say it.</param>
    /// <param name="canBePartial">Whether a part of the components may turn. Elsewhere Transformers does not read the key unless frequencies are
    /// scaled.</param>
    /// <param name="usualFraction">The part where the file does not say it.</param>
    /// <param name="usualOriginal">The original context where the file does not say it; null: the context.</param>
    public static RotarySettings Read(
        DecoderConfigKeys keys, double usualBase = 10_000, bool canBePartial = false, double usualFraction = 1, int? usualOriginal = null)
    {
        var newer = keys.Object("rope_parameters");
        var older = keys.Object("rope_scaling");
        var theta = Agreed("rope_theta", keys, newer) ?? usualBase;
        var fraction = Agreed(Part, keys, newer);
        if (older is not null && older.Contains(Part) && older.Number(Part) is var inOlder && inOlder != (fraction ?? inOlder))
        {
            older.Refuse(Part, "contradicts the same key elsewhere");
        }

        var scaling = newer is null ? null : RotaryScalingKeys.Read(newer, keys, usualOriginal);
        if (older is not null && RotaryScalingKeys.Read(older, keys, usualOriginal) is var olderScaling)
        {
            if (newer is not null && olderScaling != scaling)
            {
                keys.Refuse("rope_scaling", "contradicts \"rope_parameters\"");
            }

            scaling = olderScaling;
        }

        if (!canBePartial && scaling is not null && fraction is not (null or 1))
        {
            keys.Refuse(Part, "is not implemented together with scaled frequencies in this family: all components of a head must be turned");
        }

        return new(theta, scaling, canBePartial ? fraction ?? usualFraction : 1);
    }

    /// <summary>The part of a head's components that turn, as it reads back: the number of components is rounded down.</summary>
    public static double Fraction(DecoderConfig config)
    {
        var fraction = config.RotaryWidth / (double)config.HeadWidth;
        return (int)(config.HeadWidth * fraction) < config.RotaryWidth ? Math.BitIncrement(fraction) : fraction;
    }

    /// <summary>What a reader of the file should know.</summary>
    public static string[] Notes(DecoderConfigKeys keys) =>
        Agreed(Part, keys, keys.Object("rope_parameters")) is not (null or 1)
            ? [$"\"{Part}\" is not read in this family where frequencies are not scaled: all components of a head are turned."]
            : [];

    /// <summary><c>rope_scaling</c>.</summary>
    public static JsonObject? Write(RotaryScaling? scaling)
    {
        if (scaling is null)
        {
            return null;
        }

        var keys = new JsonObject { ["rope_type"] = scaling.Kind, ["factor"] = scaling.Factor };
        switch (scaling.Kind)
        {
            case RotaryScaling.Llama3:
                keys["low_freq_factor"] = scaling.LowFrequencyFactor;
                keys["high_freq_factor"] = scaling.HighFrequencyFactor;
                keys["original_max_position_embeddings"] = scaling.OriginalContext;
                break;
            case RotaryScaling.Yarn:
                keys["beta_fast"] = scaling.BetaFast;
                keys["beta_slow"] = scaling.BetaSlow;
                keys["truncate"] = scaling.Truncate;
                keys["original_max_position_embeddings"] = scaling.OriginalContext;
                Set(keys, "mscale", scaling.Mscale);
                Set(keys, "mscale_all_dim", scaling.MscaleAllDimensions);
                break;
            case RotaryScaling.LongRope:
                keys["original_max_position_embeddings"] = scaling.OriginalContext;
                keys["short_factor"] = new JsonArray([.. scaling.ShortFactors.Select(factor => (JsonNode)factor)]);
                keys["long_factor"] = new JsonArray([.. scaling.LongFactors.Select(factor => (JsonNode)factor)]);
                break;
        }

        Set(keys, "attention_factor", scaling.AttentionFactor);
        return keys;
    }

    private static void Set(JsonObject keys, string key, double? value)
    {
        if (value is { } number)
        {
            keys[key] = number;
        }
    }

    /// <summary>A number that may stand in the model's keys or in those of <c>rope_parameters</c>; null if it is in neither.</summary>
    private static double? Agreed(string key, DecoderConfigKeys model, DecoderConfigKeys? newer)
    {
        double? top = model.Contains(key) ? model.Number(key) : null;
        double? inner = newer is not null && newer.Contains(key) ? newer.Number(key) : null;
        if (top is not null && inner is not null && top != inner)
        {
            model.Refuse(key, "contradicts \"rope_parameters\"");
        }

        return inner ?? top;
    }
}
