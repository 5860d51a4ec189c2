using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>Qwen2: Llama with biases on the query, key and value projections.</summary>
internal class Qwen2 : Llama
{
    public override string Name => "qwen2";

    internal override DecoderConfig Style => base.Style with { QkvBias = true };

    protected override string ClassStem => "Qwen2";

    protected override bool HasBiasSwitch => false;

    protected override bool HasFeedForwardBiasSwitch => false;

    protected override int KeyValueHeadsWhenAbsent(int heads) => 32;

    // Most files name a window and switch it off. Switched on, it is used from block max_window_layers on.
    protected override (int? Width, EqualList<bool>? Layers) Windows(DecoderConfigKeys keys, int layers, int context)
    {
        var window = LayerKeys.Width(keys, 4096);
        var first = keys.Integer("max_window_layers", 28);
        if (!keys.Flag(LayerKeys.WindowSwitch, whenAbsent: false) || window is null)
        {
            LayerKeys.AllowFullAttentionAlone(keys);
            return (null, null);
        }

        var windowed = LayerKeys.Windowed(keys, layers) ?? LayerKeys.Of(layers, layer => layer >= first);
        return windowed.Contains(true) ? (window, windowed.Contains(false) ? windowed : null) : (null, null);
    }

    internal override JsonObject Write(DecoderConfig config)
    {
        var keys = base.Write(config);
        keys[LayerKeys.WindowSwitch] = config.Window is not null;
        keys[LayerKeys.Window] = config.Window; // an absent key means 4096
        if (config.Window is not null)
        {
            keys[LayerKeys.Types] = LayerKeys.Write(config.WindowLayers ?? LayerKeys.Of(config.Layers, _ => true));
        }

        return keys;
    }
}
