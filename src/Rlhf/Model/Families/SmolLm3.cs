using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>SmolLM3 (Hugging Face 2025): Llama with some blocks that do not turn queries and keys (NoPE; Yang 2025).</summary>
internal sealed class SmolLm3 : Llama
{
    private const string Turned = "no_rope_layers"; // of which 1 means that it turns

    public override string Name => "smollm3";

    protected override string ClassStem => "SmolLM3";

    internal override DecoderConfig Style => base.Style with { RotaryBase = 2_000_000 };

    protected override bool ReadsSplits => false;

    protected override bool TiedWhenAbsent => true;

    protected override int KeyValueHeadsWhenAbsent(int heads) => 4;

    internal override DecoderConfig Read(DecoderConfigKeys keys)
    {
        var config = base.Read(keys);
        var turned = TurnedLayers(keys, config.Layers);
        return config with { TurnedLayers = turned.Contains(false) ? turned : null };
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys[Turned] = new JsonArray([.. Enumerable.Range(0, config.Layers).Select(layer => (JsonNode)(config.Turns(layer) ? 1 : 0))]);
        keys[LayerKeys.WindowSwitch] = config.Window is not null;
        keys[LayerKeys.Window] = config.Window;
        keys[LayerKeys.Types] = LayerKeys.Write(config.WindowLayers);
        return keys;
    }

    internal override DecoderConfig Fresh(DecoderConfig config) => config.Layers < 4 ? config : config with { TurnedLayers = EveryNth(config.Layers, 4) };

    // Switched on, the window is for the blocks that do not turn.
    protected override (int? Width, EqualList<bool>? Layers) Windows(DecoderConfigKeys keys, int layers, int context)
    {
        var window = LayerKeys.Width(keys, null);
        if (!keys.Flag(LayerKeys.WindowSwitch, whenAbsent: false) || window is null)
        {
            LayerKeys.AllowFullAttentionAlone(keys);
            return (null, null);
        }

        var turned = TurnedLayers(keys, layers);
        var windowed = LayerKeys.Windowed(keys, layers) ?? LayerKeys.Of(layers, layer => layer >= turned.Count || !turned[layer]);
        return windowed.Contains(true) ? (window, windowed) : (null, null);
    }

    private static EqualList<bool> TurnedLayers(DecoderConfigKeys keys, int layers)
    {
        var interval = keys.Integer("no_rope_layer_interval", 4);
        if (interval < 1)
        {
            keys.Refuse("no_rope_layer_interval", "must be positive");
        }

        if (!keys.Contains(Turned))
        {
            return EveryNth(layers, Math.Max(1, interval));
        }

        var list = keys.Numbers(Turned);
        if (list.Length != layers || list.Any(value => value is not (0 or 1)))
        {
            keys.Refuse(Turned, $"must have a 1 (turned) or 0 (not) for each of the {layers} blocks");
        }

        return new([.. list.Select(value => value != 0)]);
    }

    private static EqualList<bool> EveryNth(int layers, int interval) => LayerKeys.Of(layers, layer => (layer + 1) % interval != 0);
}
