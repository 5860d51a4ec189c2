namespace Rlhf.Model.Families;

/// <summary>One object of scaled rotary frequencies: <c>rope_scaling</c>, or <c>rope_parameters</c> or a part of it.</summary>
internal static class RotaryScalingKeys
{
    private const string Original = "original_max_position_embeddings";
    private const string Context = "max_position_embeddings";
    private static readonly HashSet<string> Harmless = ["finetuned"];

    /// <summary>The scaling, null for none; what is wrong goes to the keys' list of problems.</summary>
    /// <param name="keys">Those of the object.</param>
    /// <param name="model">Those of the model, where some are repeated or stand alone.</param>
    /// <param name="usualOriginal">The original context where neither says it; null: the model's context.</param>
    public static RotaryScaling? Read(DecoderConfigKeys keys, DecoderConfigKeys model, int? usualOriginal = null)
    {
        var key = keys.Contains("rope_type") ? "rope_type" : "type";
        if (key != "type" && keys.Contains("type") && keys.Text("type", string.Empty) != keys.Text(key, string.Empty))
        {
            keys.Refuse("type", $"contradicts \"{key}\"");
        }

        // Read by the caller, which knows what they may contradict.
        keys.Contains("rope_theta");
        keys.Contains(RotaryKeys.Part);
        var kind = keys.Text(key, "default");
        var scaling = kind switch
        {
            "default" => null,
            RotaryScaling.Linear => new RotaryScaling(kind, Positive(keys, "factor"), 1, 1, 0),
            RotaryScaling.Llama3 => Llama3(keys, model),
            RotaryScaling.Dynamic => Dynamic(keys, model),
            RotaryScaling.Yarn when keys.Contains("short_factor") => LongRope(keys, model, usualOriginal),
            RotaryScaling.Yarn => Yarn(keys, model),
            RotaryScaling.LongRope or "su" => LongRope(keys, model, usualOriginal),
            _ => Unknown(keys, key),
        };
        if (kind == "default")
        {
            keys.Allow("factor", ["1"], "has no effect with \"rope_type\": \"default\"");
            keys.Contains(Original);
        }

        keys.RefuseTheRest(Harmless);
        return scaling;
    }

    private static RotaryScaling? Unknown(DecoderConfigKeys keys, string key)
    {
        keys.Refuse(key, "is not implemented: it must be default, linear, dynamic, yarn, longrope or llama3");
        return null;
    }

    private static RotaryScaling Llama3(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        var scaling = new RotaryScaling(
            RotaryScaling.Llama3, Positive(keys, "factor"), Positive(keys, "low_freq_factor"), Positive(keys, "high_freq_factor"), OriginalContext(keys, model));
        if (scaling.LowFrequencyFactor >= scaling.HighFrequencyFactor)
        {
            keys.Refuse("high_freq_factor", "must be above \"low_freq_factor\"");
        }

        return scaling;
    }

    // The row's length is compared with what the model has as its longest, whatever else the file says.
    private static RotaryScaling Dynamic(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        var context = model.Integer(Context);
        if (keys.Contains(Original) && keys.Integer(Original) != context)
        {
            keys.Refuse(Original, $"differs from \"{Context}\", with which a row's length is compared here");
        }

        return new(RotaryScaling.Dynamic, AtLeastOne(keys), 1, 1, Math.Max(context, 1));
    }

    private static RotaryScaling Yarn(DecoderConfigKeys keys, DecoderConfigKeys model)
    {
        var original = OriginalContext(keys, model);
        var scaling = new RotaryScaling(
            RotaryScaling.Yarn, keys.Contains("factor") ? Positive(keys, "factor") : model.Integer(Context) / (double)original, 1, 1, original)
        {
            AttentionFactor = PositiveOrNull(keys, "attention_factor"),
            BetaFast = keys.Contains("beta_fast") ? Positive(keys, "beta_fast") : 32,
            BetaSlow = keys.Contains("beta_slow") ? Positive(keys, "beta_slow") : 1,
            Mscale = keys.Contains("mscale") ? keys.Number("mscale") : null,
            MscaleAllDimensions = keys.Contains("mscale_all_dim") ? keys.Number("mscale_all_dim") : null,
            Truncate = keys.Flag("truncate", true),
        };
        if (scaling.BetaFast < scaling.BetaSlow)
        {
            keys.Refuse("beta_fast", "must not be below \"beta_slow\"");
        }

        if (!double.IsFinite(scaling.Amplitude) || scaling.Amplitude <= 0)
        {
            keys.Refuse("mscale", "gives an impossible amplitude together with \"mscale_all_dim\"");
        }

        return scaling;
    }

    private static RotaryScaling LongRope(DecoderConfigKeys keys, DecoderConfigKeys model, int? usualOriginal)
    {
        var original = OriginalContext(keys, model, usualOriginal);
        if (keys.Contains(Original) && model.Contains(Original) && model.Integer(Original) != original)
        {
            keys.Refuse(Original, $"contradicts the model's own \"{Original}\"");
        }

        var scaling = new RotaryScaling(
            RotaryScaling.LongRope, keys.Contains("factor") ? Positive(keys, "factor") : model.Integer(Context) / (double)original, 1, 1, original)
        {
            AttentionFactor = PositiveOrNull(keys, "attention_factor"),
            ShortFactors = new(keys.Numbers("short_factor")),
            LongFactors = new(keys.Numbers("long_factor")),
        };
        if (original < 2)
        {
            keys.Refuse(Original, "must be above 1");
        }

        return scaling;
    }

    /// <summary>n0: in the object, else in the model (Phi-3), else the model's context.</summary>
    private static int OriginalContext(DecoderConfigKeys keys, DecoderConfigKeys model, int? usual = null)
    {
        var value = keys.Contains(Original) ? keys.Integer(Original) : model.Contains(Original) ? model.Integer(Original) : usual ?? model.Integer(Context);
        if (value < 1)
        {
            keys.Refuse(Original, "must be positive");
        }

        return Math.Max(value, 1);
    }

    private static double AtLeastOne(DecoderConfigKeys keys)
    {
        var factor = keys.Number("factor");
        if (factor < 1)
        {
            keys.Refuse("factor", "must be at least 1");
        }

        return factor;
    }

    private static double? PositiveOrNull(DecoderConfigKeys keys, string key) => keys.Contains(key) ? Positive(keys, key) : null;

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
