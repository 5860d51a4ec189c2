using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>The keys of rotary positions, which several families share: <c>rope_theta</c> with <c>rope_scaling</c> or, newer, <c>rope_parameters</c>.</summary>
internal static class RotaryKeys
{
    private static readonly HashSet<string> NoKeys = [];

    /// <summary>The base and the scaling; what is wrong goes to the keys' list of problems.</summary>
    public static (double Base, RotaryScaling? Scaling) Read(DecoderConfigKeys keys)
    {
        var theta = keys.Number("rope_theta", 10_000);
        var older = keys.Object("rope_scaling");
        var newer = keys.Object("rope_parameters");
        if (newer is null)
        {
            return (theta, older is null ? null : Scaling(older, keys));
        }

        var scaling = Scaling(newer, keys);
        if (older is not null && Scaling(older, keys) != scaling)
        {
            keys.Refuse("rope_scaling", "contradicts \"rope_parameters\"");
        }

        var newerTheta = newer.Number("rope_theta", theta);
        if (keys.Contains("rope_theta") && newerTheta != theta)
        {
            keys.Refuse("rope_theta", "contradicts \"rope_parameters\"");
        }

        return (newerTheta, scaling);
    }

    /// <summary><c>rope_scaling</c>.</summary>
    public static JsonObject? Write(RotaryScaling? scaling) => scaling?.Kind switch
    {
        null => null,
        RotaryScaling.Linear => new JsonObject { ["rope_type"] = scaling.Kind, ["factor"] = scaling.Factor },
        _ => new JsonObject
        {
            ["rope_type"] = scaling.Kind,
            ["factor"] = scaling.Factor,
            ["low_freq_factor"] = scaling.LowFrequencyFactor,
            ["high_freq_factor"] = scaling.HighFrequencyFactor,
            ["original_max_position_embeddings"] = scaling.OriginalContext,
        },
    };

    private static RotaryScaling? Scaling(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        var key = keys.Contains("rope_type") ? "rope_type" : "type";
        if (key != "type" && keys.Contains("type") && keys.Text("type", string.Empty) != keys.Text(key, string.Empty))
        {
            keys.Refuse("type", $"contradicts \"{key}\"");
        }

        var kind = keys.Text(key, "default");
        keys.Contains("rope_theta"); // read by the caller, which knows what it may contradict
        keys.Allow("partial_rotary_factor", ["1"], "is not implemented: all components of a head must be turned");
        RotaryScaling? scaling = null;
        switch (kind)
        {
            case "default":
                keys.Allow("factor", ["1"], "has no effect with \"rope_type\": \"default\"");
                break;
            case RotaryScaling.Linear:
                scaling = new RotaryScaling(kind, Positive(keys, "factor"), 1, 1, 0);
                break;
            case RotaryScaling.Llama3:
                scaling = Llama3(keys, model);
                break;
            default:
                keys.Refuse(key, "is not implemented: it must be default, linear or llama3");
                break;
        }

        keys.RefuseTheRest(NoKeys);
        return scaling;
    }

    private static RotaryScaling Llama3(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        const string Original = "original_max_position_embeddings";
        var original = keys.Contains(Original) || !model.Contains(Original) ? keys.Integer(Original) : model.Integer(Original);
        var scaling = new RotaryScaling(
            RotaryScaling.Llama3, Positive(keys, "factor"), Positive(keys, "low_freq_factor"), Positive(keys, "high_freq_factor"), original);
        if (original < 1)
        {
            keys.Refuse(Original, "must be positive");
        }

        if (scaling.LowFrequencyFactor >= scaling.HighFrequencyFactor)
        {
            keys.Refuse("high_freq_factor", "must be above \"low_freq_factor\"");
        }

        return scaling;
    }

    private static double Positive(DecoderConfigKeys keys, string key)
    {
        var value = keys.Number(key);
        if (value <= 0)
        {
            keys.Refuse(key, "must be positive");
        }

        return value;
    }
}
