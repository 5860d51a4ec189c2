using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>
/// Gemma 3 (Gemma Team 2025), its text models: Gemma 2 without the caps, with norms over each head's query and key, and another rotary base in the blocks with
/// a window.
/// </summary>
internal sealed class Gemma3 : Gemma2
{
    private const string LocalBase = "rope_local_base_freq";
    private const string PatternKey = "sliding_window_pattern";
    private const string Parameters = "rope_parameters";

    public override string Name => "gemma3_text";

    internal override DecoderConfig Style => base.Style with
    {
        ScoreCap = null,
        LogitCap = null,
        QueryKeyNorm = QueryKeyNorm.EachHead,
        RotaryBase = 1_000_000,
        WindowRotaryBase = 10_000,
    };

    internal override string ScorerClass => "Gemma3TextForSequenceClassification";

    protected override string ClassStem => "Gemma3";

    protected override bool IsWindowed(int layer) => (layer + 1) % 6 != 0;

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        keys.Contains("_" + PatternKey); // an echo of the other key, which is not read
        keys.Allow(ScoreCap, [], "is not implemented: the usual library does not apply it in this family, so what the file means is not certain. Set it to null for what that library computes");
        return base.Read(keys) with { ScoreCap = null, WindowRotaryBase = WindowBase(keys) };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys.Remove(ScoreCap);
        keys[LocalBase] = config.WindowRotaryBase;
        return keys;
    }

    protected override RotarySettings Rotary(DecoderConfigKeys keys)
    {
        var parameters = keys.Object(Parameters);
        if (parameters?.Object(LayerKeys.Full) is not { } global)
        {
            return base.Rotary(keys);
        }

        parameters.Object(LayerKeys.Sliding);
        parameters.RefuseTheRest(new HashSet<string>());
        var scaling = RotaryScalingKeys.Read(global, keys);
        if (keys.Object("rope_scaling") is { } older && RotaryScalingKeys.Read(older, keys) != scaling)
        {
            keys.Refuse("rope_scaling", $"contradicts \"{Parameters}\"");
        }

        global.Allow(RotaryKeys.Part, ["1"], "is not implemented in this family: all components of a head must be turned");
        return new(Agreed(keys, "rope_theta", global) ?? Style.RotaryBase, scaling, 1);
    }

    protected override EqualList<bool> Pattern(DecoderConfigKeys keys, int layers)
    {
        var pattern = keys.Integer(PatternKey, 6);
        if (pattern < 1)
        {
            keys.Refuse(PatternKey, "must be positive");
        }

        return LayerKeys.Of(layers, layer => (layer + 1) % Math.Max(1, pattern) != 0);
    }

    private double WindowBase(DecoderConfigKeys keys)
    {
        keys.Integer(PatternKey, 6); // beside "layer_types" it says the same once more
        var local = keys.Object(Parameters)?.Object(LayerKeys.Sliding);
        if (local is not null && RotaryScalingKeys.Read(local, keys) is not null)
        {
            local.Refuse("rope_type", "is not implemented: the blocks with a window are never scaled");
        }

        return Agreed(keys, LocalBase, local, "rope_theta") ?? 10_000;
    }

    private static double? Agreed(DecoderConfigKeys keys, string key, DecoderConfigKeys? newer, string newerKey = "rope_theta")
    {
        double? top = keys.Contains(key) ? keys.Number(key) : null;
        double? inner = newer is not null && newer.Contains(newerKey) ? newer.Number(newerKey) : null;
        if (top is not null && inner is not null && top != inner)
        {
            keys.Refuse(key, $"contradicts \"{Parameters}\"");
        }

        return inner ?? top;
    }
}
